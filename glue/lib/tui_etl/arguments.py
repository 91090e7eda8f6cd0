"""Job arguments as Glue passes them: `--name value` (also `--name=value`), among many of Glue's own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

#: Every job gets these four from Terraform, and the two that Glue itself adds.
COMMON = ("environment", "ledger_table", "state_bucket", "started_by", "JOB_NAME", "JOB_RUN_ID")


class ArgumentError(ValueError):
    """A wanted argument is missing or has no value."""


def parse(argv: Sequence[str], names: Iterable[str]) -> dict[str, str]:
    """The values of `COMMON` and `names`, taken from `argv` (a whole `sys.argv`); all other arguments are ignored.

    A wanted name always takes the next word as its value, even one that begins with dashes; the last one given wins,
    which is how `StartJobRun` arguments override a job's defaults. Raises `ArgumentError` naming everything missing.
    """
    wanted = dict.fromkeys((*COMMON, *names))
    found: dict[str, str] = {}
    words = iter(argv)
    for word in words:
        if not word.startswith("--"):
            continue
        name, equals, value = word[2:].partition("=")
        if name not in wanted:
            continue
        if not equals:
            value_or_none = next(words, None)
            if value_or_none is None:
                raise ArgumentError(f"argument --{name} has no value")
            value = value_or_none
        found[name] = value
    missing = [f"--{name}" for name in wanted if name not in found]
    if missing:
        raise ArgumentError(f"missing arguments: {', '.join(missing)}")
    return {name: found[name] for name in wanted}

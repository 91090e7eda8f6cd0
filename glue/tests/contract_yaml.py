"""The YAML of contracts and rules, as Terraform's `yamldecode` reads it; what other readers take otherwise is refused.

YAML's versions and libraries differ in what they take for a truth value, a number or a time if it isn't quoted. Of what
isn't quoted, only what all of them read alike is let through, so that the tests check what is deployed.
`terraform/scripts.tf` has the same rule for what is planned.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
_WORDS = {"true": True, "false": False, "null": None, "": None}
#: What some reader takes for something other than a text.
_NO_TEXT = re.compile(
    r"(?i:y|yes|n|no|on|off|true|false|null|[-+]?\.inf|\.nan)|~|<<|=|"
    r"[-+.]*[0-9][0-9A-Fa-fxobTtZ_:.+-]*( +[0-9:.Z+-]+)*"
)
_SPECIAL = (yaml.TagToken, yaml.AnchorToken, yaml.AliasToken)


class Misread(ValueError):
    """YAML that one reader takes for something else than another does."""


def read(path: Path) -> Any:
    """What a file says; raises `Misread`."""
    return load(path.read_text(), path.name)


def load(text: str, name: str) -> Any:
    """What a file says; raises `Misread` with the file's name, all lines and values that are to be quoted."""
    special = [token for token in yaml.scan(text) if isinstance(token, _SPECIAL)]
    problems = [(token.start_mark, "a contract has no tags, anchors and aliases") for token in special]
    problems = problems or list(_problems(yaml.compose(text, Loader=yaml.SafeLoader)))
    if problems:
        raise Misread("; ".join(f"{name}, line {mark.line + 1}: {problem}" for mark, problem in problems))
    return _value(yaml.compose(text, Loader=yaml.SafeLoader))


def _problems(node: yaml.Node) -> Iterator[tuple[yaml.Mark, str]]:
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            written = key.value if isinstance(key, yaml.ScalarNode) else "a list or an object"
            if not isinstance(key, yaml.ScalarNode) or (key.style is None and not _is_text(written)):
                yield key.start_mark, f"{written} is no text to all readers of YAML: quote it"
            if written in seen:
                yield key.start_mark, f"{written} is there twice"
            seen.add(written)
            yield from _problems(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _problems(value)
    elif node.style is None and not (_is_text(node.value) or _is_json(node.value)):
        yield node.start_mark, f"{node.value} is not the same to all readers of YAML: quote it, or write it as in JSON"


def _is_text(written: str) -> bool:
    return bool(written) and not _NO_TEXT.fullmatch(written)


def _is_json(written: str) -> bool:
    return written in _WORDS or bool(_NUMBER.fullmatch(written))


def _value(node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return {key.value: _value(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [_value(value) for value in node.value]
    if node.style is not None or not _is_json(node.value):
        return node.value
    if node.value in _WORDS:
        return _WORDS[node.value]
    number = json.loads(node.value)
    # To Terraform there is one kind of numbers, and a whole one has no fraction.
    return int(number) if number == int(number) else number

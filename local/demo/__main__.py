"""`python -m local.demo --input folder`: brings AWS up, lands the folder, follows it to Athena, and brings AWS down."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.demo.display import Display
from local.demo.flow import Demo, Stuck
from local.demo.landing import BadInput, read_input
from local.demo.observe import Pipeline, QueryFailed, TimedOut
from local.demo.outcomes import write_files
from local.demo.running import REPOSITORY, LocalFailed, own_instance, run_local, running
from local.demo.summary import print_summary

OUT = REPOSITORY / "target" / "demo"


def main() -> int:
    """Exit status 0: the books balance; 1: they don't, or it got stuck; 2: the input is no input; 130: interrupted."""
    parser = argparse.ArgumentParser(prog="python -m local.demo", description=__doc__)
    parser.add_argument("--input", default=str(REPOSITORY / "samples"), help="folder of dataset folders")
    parser.add_argument("--check-input", action="store_true", help="only see whether the folder can be landed")
    parser.add_argument("--keep", action="store_true", help="leave the AWS running at the end")
    arguments = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    report = OUT / "report.json"
    try:
        given = read_input(folder_of(arguments.input))
        if arguments.check_input:
            return 0
        instance = own_instance(OUT / "aws")
        for old in (report, OUT / "files.csv"):
            old.unlink(missing_ok=True)
        with running(instance, keep=arguments.keep), Display() as display:
            demo = Demo(Pipeline(instance), display, given, fire=lambda schedule: run_local(instance, "fire", schedule))
            result = demo.run()
    except BadInput as error:
        print(f"\ndemo: {error}", file=sys.stderr)
        return 2
    except (Stuck, TimedOut, LocalFailed, QueryFailed) as error:
        print(f"\ndemo: {error}", file=sys.stderr)
        return 1
    except (BotoCoreError, ClientError) as error:
        print(f"\ndemo: the local AWS does not answer as it should: {error}", file=sys.stderr)
        print(f"  see {OUT / 'aws'}/emulator.log", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ndemo: interrupted", file=sys.stderr)
        return 130
    write_files(files := OUT / "files.csv", result["files"])
    write_report(report, result)
    print_summary(result, report, files)
    return 0 if result["ok"] else 1


def folder_of(text: str) -> Path:
    """The folder that a text names; an empty one names none, and not the folder that one happens to be in."""
    if not text.strip():
        raise BadInput("INPUT is empty: it names the folder of dataset folders to land")
    return Path(text)


def write_report(path: Path, result: dict[str, Any]) -> None:
    """The report, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".part")
    aside.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    aside.replace(path)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())

"""`python -m local up|down|env|fire <schedule>`."""

from __future__ import annotations

import argparse
import shlex
import sys

from local import up
from local.settings import Instance


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m local", description="AWS on this machine; see local/README.md")
    commands = parser.add_subparsers(dest="command", required=True)
    starting = commands.add_parser("up", help="start it and deploy; on a running one, deploy what has changed")
    starting.add_argument("--empty", action="store_true", help="start it anew and deploy nothing")
    commands.add_parser("down", help="stop it, and everything that it started")
    commands.add_parser("env", help="print the variables that make any AWS client talk to it")
    fire = commands.add_parser("fire", help="run a schedule's target now, as its role")
    fire.add_argument("schedule", help="its name, or <group>/<name>")
    given = parser.parse_args(arguments)
    instance = Instance.from_environment()
    try:
        if given.command == "up":
            (up.start if given.empty else up.up)(instance, lambda line: print(line, file=sys.stderr, flush=True))
            print(exports(instance))
            return 0
        if given.command == "down":
            print(f"ended {up.down(instance)} processes", file=sys.stderr)
            return 0
        if not up.is_up(instance):
            raise up.Unable(f"no local AWS is up in {instance.folder}; start it with `make up`")
        if given.command == "env":
            print(exports(instance))
            return 0
        return fire_schedule(instance, given.schedule)
    except up.Unable as unable:
        print(f"local AWS: {unable}", file=sys.stderr)
        return 1


def exports(instance: Instance) -> str:
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in instance.client_environment().items())


def fire_schedule(instance: Instance, schedule: str) -> int:
    answer = up.ask(f"{instance.endpoint}/_local/fire", {"schedule": schedule}, seconds=60) or {"error": "no answer"}
    if answer.get("error"):
        print(f"{schedule}: {answer['error']} {answer.get('message', '')}", file=sys.stderr)
        return 1
    print(" ".join(f"{name}={value}" for name, value in (answer.get("response") or {}).items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())

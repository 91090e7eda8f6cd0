"""Standard input, a plan as `terraform show -json` has it; standard output, GitLab's report of it: how many resources
would be made, changed and destroyed."""

from __future__ import annotations

import json
import sys
from collections import Counter
from typing import Any


def report(plan: dict[str, Any]) -> dict[str, int]:
    """A replacement counts as both."""
    counts = Counter(
        action for change in plan.get("resource_changes", []) for action in change.get("change", {}).get("actions", [])
    )
    return {name: counts[name] for name in ("create", "update", "delete")}


if __name__ == "__main__":
    json.dump(report(json.load(sys.stdin)), sys.stdout)

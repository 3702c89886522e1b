"""The clear reports on a person, by their names in a workflow's output.

Only reports that are evidence of a person's identity are included. Reports on watchlists or known faces are not:
applications must not learn of them, and they must not be stored longer than the output.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from connector.domain.assurance import EVIDENT_REPORTS
from connector.domain.studio.workflow_run import Comparison


def clear_reports(objects: Iterable[dict[str, Any]]) -> tuple[str, ...]:
    """Return the names of an output's reports that were clear each time they ran."""
    results: dict[str, set[object]] = {}
    for node in objects:
        name, result = node.get("name"), node.get("result")
        if isinstance(name, str) and name in EVIDENT_REPORTS and isinstance(result, str):
            results.setdefault(name, set()).add(result)
    return tuple(sorted(name for name, given in results.items() if given == {Comparison.CLEAR.value}))

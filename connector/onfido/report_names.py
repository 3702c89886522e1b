"""Which of Onfido's reports on a person were clear, by their names in a workflow's output.

Only those that are evidence for who a person is. What a watchlist or a list of known faces says is not among them:
neither may an application learn of it, nor may it be kept longer than the output.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from connector.domain.assurance import EVIDENT_REPORTS
from connector.domain.workflow_run import Comparison


def clear_reports(objects: Iterable[dict[str, Any]]) -> tuple[str, ...]:
    """Return the names of the reports among an output's objects that were clear each time they ran."""
    results: dict[str, set[object]] = {}
    for node in objects:
        name, result = node.get("name"), node.get("result")
        if isinstance(name, str) and name in EVIDENT_REPORTS and isinstance(result, str):
            results.setdefault(name, set()).add(result)
    return tuple(sorted(name for name, given in results.items() if given == {Comparison.CLEAR.value}))

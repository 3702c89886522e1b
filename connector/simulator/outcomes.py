"""How a run ends, and the shapes in which its output and its document report say so.

Nobody looks at a document here. By default every value the applicant has compares as `clear` and the run is
`approved`. An applicant with the last name `Consider` gets `consider` for both names, as in Onfido's sandbox. Where
no status is chosen, a run with a `consider` among its comparisons is `declined`. A run that is `abandoned` or ends
in `error` compares nothing, unless comparisons are chosen for it. A status other than the five that end a run leaves
it open: it is what the API shows from then on, and no event is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from connector.simulator.faults import Shape
from connector.simulator.records import ABANDONED, APPROVED, DECLINED, ERROR, Applicant, iso, new_id, now
from connector.simulator.validation import (
    Json,
    anything,
    check,
    choice,
    mapping_of,
    nullable,
    text,
)

COMPARISON_RESULTS = ("clear", "consider", "unidentified")
UNSET: Any = object()

# The applicant's fields and the keys under which their values are compared.
COMPARED_AS = {"first_name": "first_name", "last_name": "last_name", "dob": "date_of_birth", "address": "address"}

Comparisons = dict[str, str | None]

_RULES = {
    "status": text(1, 64),
    "comparisons": nullable(mapping_of(nullable(choice(*COMPARISON_RESULTS)))),
    "shape": choice(*Shape),
    "output": anything,
}


@dataclass(frozen=True)
class Outcome:
    """What was chosen; the rest follows the applicant.

    `comparisons` replaces single results; None means that the workflow compares nothing at all, so that it has no
    document check either. `output` replaces the shaped output by any JSON value.
    """

    status: str | None = None
    comparisons: Mapping[str, str | None] | None = field(default_factory=dict)
    shape: Shape | None = None
    output: Any = UNSET


def parse(body: Json) -> Outcome:
    """Read a choice; raises `ApiError` 422 naming what is wrong with it."""
    return Outcome(**check(body, _RULES, is_closed=True))


def default_comparisons(applicant: Applicant) -> Comparisons:
    """Compare what the applicant has, by the name alone."""
    result = "consider" if applicant.values["last_name"] == "Consider" else "clear"
    keys = [key for name, key in COMPARED_AS.items() if name in applicant.values]
    return {key: result if key in ("first_name", "last_name") else "clear" for key in keys}


def comparisons_of(outcome: Outcome, applicant: Applicant) -> Comparisons | None:
    """The comparisons of a run that ends this way; None for none at all."""
    if outcome.comparisons is None or (outcome.status in (ABANDONED, ERROR) and not outcome.comparisons):
        return None
    return default_comparisons(applicant) | dict(outcome.comparisons)


def status_of(outcome: Outcome, comparisons: Comparisons | None) -> str:
    """The status that was chosen, or the one that follows the comparisons."""
    return outcome.status or (DECLINED if "consider" in (comparisons or {}).values() else APPROVED)


def output_of(outcome: Outcome, default_shape: Shape, comparisons: Comparisons | None, report: Json | None) -> Any:
    """What the workflow's output holds."""
    shape = outcome.shape or default_shape
    if outcome.output is not UNSET:
        return outcome.output
    if comparisons is None or shape == Shape.NONE:
        return None
    if shape == Shape.DOCUMENT_REPORT:
        return {"document_report": report}
    if shape == Shape.FLAT:
        return {"data_comparison": {key: {"result": result} for key, result in comparisons.items()}}
    return {"data_comparison": data_comparison(comparisons)}


def data_comparison(comparisons: Comparisons) -> Json:
    """The comparison as a report breaks it down."""
    breakdown: Json = {key: {"result": result, "properties": {}} for key, result in comparisons.items()}
    return {"result": _worst(comparisons), "breakdown": breakdown}


def document_report(comparisons: Comparisons) -> Json:
    """A whole document report; the document it tells of is the sandbox's."""
    result, report_id = _worst(comparisons), new_id()
    clear = {"result": "clear"}
    return {
        "id": report_id,
        "name": "document",
        "status": "complete",
        "result": result or "clear",
        "sub_result": "clear" if result in (None, "clear") else "caution",
        "created_at": iso(now()),
        "href": f"/v3.6/reports/{report_id}",
        "check_id": new_id(),
        "documents": [{"id": new_id()}],
        "breakdown": {
            "data_comparison": data_comparison(comparisons),
            "data_validation": clear,
            "image_integrity": clear,
            "visual_authenticity": clear,
        },
        "properties": {
            "first_name": "Jane",
            "last_name": "Doe",
            "date_of_birth": "1990-01-01",
            "document_type": "passport",
            "document_numbers": [{"type": "document_number", "value": "999999999"}],
        },
    }


def reasons_of(status: str, comparisons: Comparisons | None) -> list[str]:
    """Why a run was not approved, as far as the comparisons tell."""
    if status == APPROVED:
        return []
    return [f"{key}_{result}" for key, result in (comparisons or {}).items() if result in ("consider", "unidentified")]


def _worst(comparisons: Comparisons) -> str | None:
    results = set(comparisons.values())
    return next((result for result in ("consider", "unidentified", "clear") if result in results), None)

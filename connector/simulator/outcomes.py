"""How a run ends, and the forms of its output.

No document is checked here. By default every value the applicant has compares as `clear` and the run is
`approved`. An applicant with the last name `Consider` gets `consider` for both names, as in Onfido's sandbox. Where
no status is chosen, a run with a `consider` among its comparisons is `declined`. A run that is `abandoned` or ends
in `error` compares nothing, unless comparisons are chosen for it. A status other than the five that end a run leaves
it open: it is what the API shows from then on, and no event is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from connector.simulator import errors, reports
from connector.simulator.faults import Shape
from connector.simulator.records import Applicant
from connector.simulator.reports import CLEAR, CONSIDER, RESULTS, UNIDENTIFIED
from connector.simulator.runs import APPROVED, BROKEN_OFF, DECLINED, ENDED_STATUSES, Ending, Run
from connector.simulator.validation import ClosedInput, Json, anything, check, choice, list_of, mapping_of, text

MAX_TAGS = 100
UNSET: Any = object()

# The applicant's fields and the keys under which their values are compared.
COMPARED_AS = {"first_name": "first_name", "last_name": "last_name", "dob": "date_of_birth", "address": "address"}

Comparisons = dict[str, str | None]


class Choice(ClosedInput):
    """The choice of a person, or a test, for a run."""

    status = text(1, 64)
    comparisons = mapping_of(choice(*RESULTS, allow_none=True), allow_none=True)
    shape = choice(*Shape)
    output = anything()
    reasons = list_of(text(1))
    tags = list_of(text(1, 128))


@dataclass(frozen=True)
class Outcome:
    """What was chosen; the rest follows the applicant.

    `comparisons` replaces single results; None means that the workflow compares nothing at all, so that it has no
    document check either. `output` replaces the shaped output by any JSON value, `reasons` those that the comparisons
    give. `tags` join those of the run.
    """

    status: str | None = None
    comparisons: Mapping[str, str | None] | None = field(default_factory=dict)
    shape: Shape | None = None
    output: Any = UNSET
    reasons: list[str] | None = None
    tags: list[str] = field(default_factory=list)

    @property
    def ends(self) -> bool:
        """Whether the outcome ends the run."""
        return self.status is None or self.status in ENDED_STATUSES

    @property
    def breaks_off(self) -> bool:
        """Whether the run ends at its current task, whatever tasks are left."""
        return self.status in BROKEN_OFF


def parse(body: Json) -> Outcome:
    """Read a choice; raises `ApiError` 422, which names the member at fault."""
    return Outcome(**check(body, Choice()))


def ending_of(outcome: Outcome, run: Run, default_shape: Shape) -> Ending:
    """Return how the run will end; raises `ApiError` 422 if it would have too many tags."""
    tags = list(dict.fromkeys([*run.tags, *outcome.tags]))
    if len(tags) > MAX_TAGS:
        raise errors.invalid({"tags": [f"must be at most {MAX_TAGS} with those of the run"]})
    comparisons = comparisons_of(outcome, run.applicant)
    shape = outcome.shape or default_shape
    whole = None if comparisons is None else _reports(shape, comparisons)
    output = outcome.output if outcome.output is not UNSET else _output(shape, comparisons, whole)
    report = whole["document_report"] if whole else None
    return Ending(status_of(outcome, comparisons), output, outcome.reasons, tags, comparisons, report)


def default_comparisons(applicant: Applicant) -> Comparisons:
    """Compare the applicant's values, by the name alone."""
    result = CONSIDER if applicant.values["last_name"] == "Consider" else CLEAR
    keys = [key for name, key in COMPARED_AS.items() if name in applicant.values]
    return {key: result if key in ("first_name", "last_name") else CLEAR for key in keys}


def comparisons_of(outcome: Outcome, applicant: Applicant) -> Comparisons | None:
    """The comparisons of a run that ends this way; None for none at all."""
    if outcome.comparisons is None or (outcome.breaks_off and not outcome.comparisons):
        return None
    return default_comparisons(applicant) | dict(outcome.comparisons)


def status_of(outcome: Outcome, comparisons: Comparisons | None) -> str:
    """The status that was chosen, or the one that follows the comparisons."""
    return outcome.status or (DECLINED if CONSIDER in (comparisons or {}).values() else APPROVED)


def reasons_of(ending: Ending) -> list[str]:
    """Return why a run ends as it does: as chosen, else as derived from the comparisons."""
    if ending.reasons is not None:
        return ending.reasons
    compared = {} if ending.status == APPROVED else ending.comparisons or {}
    return [f"{key}_{result}" for key, result in compared.items() if result in (CONSIDER, UNIDENTIFIED)]


def _reports(shape: Shape, comparisons: Comparisons) -> Json:
    if shape == Shape.ALL_REPORTS:
        return reports.all_reports(comparisons)
    return {"document_report": reports.document_report(comparisons)}


def _output(shape: Shape, comparisons: Comparisons | None, whole: Json | None) -> Any:
    """Return the workflow's output; None for a run that compared nothing."""
    if comparisons is None or shape == Shape.NONE:
        return None
    if shape in (Shape.DOCUMENT_REPORT, Shape.ALL_REPORTS):
        return whole
    if shape == Shape.FLAT:
        return {"data_comparison": {key: {"result": result} for key, result in comparisons.items()}}
    return {"data_comparison": reports.data_comparison(comparisons)}

"""What a workflow's output tells of reports. It has no shape at all, so they are looked for anywhere in it.

output ──► `objects_in`, level by level ──┬─► each `data_comparison` ──► comparisons, the worst finding first
                                          └─► the document report    ──► what was read from the document
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from connector.domain.nesting import containers
from connector.domain.runs import Comparison
from connector.onfido.reading import mapping, text

MAX_DEPTH = 64  # of a workflow's output; what lies deeper is not searched
MAX_BREADTH = 10_000  # objects and lists on one level of it
MAX_VALUE_LENGTH = 255

_BY_NAME: dict[str, Comparison] = {each.value: each for each in Comparison}
_WORST_FIRST = (Comparison.CONSIDER, Comparison.UNIDENTIFIED, Comparison.CLEAR, Comparison.NOT_COMPARED)
_OF_THE_REPORT = frozenset({"result", "breakdown", "properties"})  # keys that compare nothing

_READ_FROM_DOCUMENTS = (
    *("first_name", "last_name", "date_of_birth", "date_of_expiry"),
    *("document_type", "issuing_country", "gender"),
)
# Which properties no other report of Onfido's has, save that a proof of address has a type as well.
_OF_DOCUMENTS = frozenset({"document_numbers", "document_type", "date_of_birth", "date_of_expiry", "issuing_country"})
_OF_PROOFS_OF_ADDRESS = frozenset({"issuer", "issue_date", "first_names", "last_names"})


def objects_in(output: object) -> list[dict[str, Any]]:
    """Give every object of the output, the least deep first."""
    found: list[dict[str, Any]] = []
    level, depth = [output], 0
    while level and depth < MAX_DEPTH:
        found += [node for node in level if isinstance(node, dict)]
        level, depth = list(islice(containers(level), MAX_BREADTH)), depth + 1
    return found


def comparisons(objects: Sequence[dict[str, Any]]) -> dict[str, Comparison] | None:
    """Merge every `data_comparison` that an output's objects have, the worst first; None where there is none."""
    found = [each for node in objects if isinstance(each := node.get("data_comparison"), dict)]
    if not found:
        return None
    merged: dict[str, Comparison] = {}
    for node in found:
        for key, comparison in _findings(node):
            merged[key] = min(merged.get(key, comparison), comparison, key=_WORST_FIRST.index)
    return merged


def document_values(objects: Sequence[dict[str, Any]]) -> dict[str, str] | None:
    """Read from the document report what was read from the document; None where no object of the output is one.

    A document report is an object with `properties` that has a `breakdown.data_comparison` as well, or whose properties
    hold something that is read from documents only (`_OF_DOCUMENTS`); a report on a proof of address looks much alike
    and is none. Of several reports the first that has any values counts: the least deep one.
    """
    values = None
    for node in objects:
        if _is_document_report(node):
            values = _values(mapping(node.get("properties")))
            if values:
                break
    return values


def _is_document_report(node: dict[str, Any]) -> bool:
    breakdown, properties = mapping(node.get("breakdown")), node.get("properties")
    if not isinstance(properties, dict) or _is_about_address(node.get("name"), breakdown, properties):
        return False
    return isinstance(breakdown.get("data_comparison"), dict) or not _OF_DOCUMENTS.isdisjoint(properties)


def _is_about_address(name: object, breakdown: dict[str, Any], properties: dict[str, Any]) -> bool:
    has_classification = "document_classification" in breakdown
    return name == "proof_of_address" or has_classification or not _OF_PROOFS_OF_ADDRESS.isdisjoint(properties)


def _values(properties: dict[str, Any]) -> dict[str, str]:
    numbers = properties.get("document_numbers")
    found = {name: text(properties.get(name), MAX_VALUE_LENGTH) for name in _READ_FROM_DOCUMENTS}
    found["document_number"] = next(filter(None, map(_number, numbers if isinstance(numbers, list) else ())), None)
    return {name: value for name, value in found.items() if value}


def _number(entry: object) -> str | None:
    return text(mapping(entry).get("value"), MAX_VALUE_LENGTH)


def _findings(node: dict[str, Any]) -> Iterator[tuple[str, Comparison]]:
    """Read one comparison: the report form keeps the findings in its `breakdown`, the flat form is the breakdown."""
    breakdown = node.get("breakdown")
    for key, value in (breakdown if isinstance(breakdown, dict) else node).items():
        if key not in _OF_THE_REPORT:
            yield key, _comparison(value.get("result") if isinstance(value, dict) else value)


def _comparison(result: object) -> Comparison:
    return _BY_NAME.get(result if isinstance(result, str) else "", Comparison.NOT_COMPARED)

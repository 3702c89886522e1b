"""The reports in a workflow's output, which has no fixed schema, so they are searched for everywhere in it.

output ──► `objects_in`, level by level ──┬─► each `data_comparison` ──► comparisons: names and birth date by the
                                          │                              document, the address by its own proof
                                          └─► the document report    ──► the values read from the document
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from itertools import islice
from typing import Any, TypeGuard, TypeVar

from connector.domain.frozen import frozen
from connector.domain.nesting import containers, pointers_to
from connector.domain.studio.workflow_run import Comparison
from connector.domain.text import is_usable
from connector.onfido.reading import mapping, written

MAX_DEPTH = 64  # levels of a workflow's output; deeper levels are not searched
MAX_BREADTH = 10_000  # objects and lists on one level
MAX_VALUE_LENGTH = 255
MAX_POINTER = 400  # characters of a comparison's pointer; a longer pointer is not stored
DOCUMENT_NUMBER = "document_number"

T = TypeVar("T")
_Finding = tuple[Comparison, dict[str, Any]]  # a comparison, and the object with its `data_comparison`

_BY_NAME: dict[str, Comparison] = {each.value: each for each in Comparison}
_WORST_FIRST = (Comparison.CONSIDER, Comparison.UNIDENTIFIED, Comparison.CLEAR, Comparison.NOT_COMPARED)
_OF_THE_REPORT = frozenset({"result", "breakdown", "properties"})  # keys that are not comparisons

_READ_FROM_DOCUMENTS = (
    *("first_name", "middle_name", "last_name", "date_of_birth", "date_of_expiry"),
    *("document_type", "issuing_country", "gender"),
)
# Properties that only document reports have, except the type, which a proof of address has as well.
_OF_DOCUMENTS = frozenset(
    {"document_numbers", "document_number", "document_type", "date_of_birth", "date_of_expiry", "issuing_country"}
)
_COMPARED_BY_PROOFS = frozenset({"address", "first_name", "last_name"})
_OF_PROOFS_OF_ADDRESS = frozenset({"issuer", "issue_date", "first_names", "last_names"})


@frozen
class Compared:
    """Onfido's comparisons, by its keys; `has_document`: not only of a proof of address.

    `sources` has the object with the decisive `data_comparison`, by the same keys.
    """

    findings: Mapping[str, Comparison]
    has_document: bool = True
    sources: Mapping[str, dict[str, Any]] = field(default_factory=dict)

    def places(self, output: object) -> dict[str, str]:
        """Return the JSON Pointers of the decisive comparisons in the output, by Onfido's keys."""
        pointers = pointers_to(output, self.sources.values())
        by_key = ((key, pointers.get(id(node))) for key, node in self.sources.items())
        return {key: f"{pointer}/data_comparison" for key, pointer in by_key if _can_be_kept(pointer)}


def objects_in(output: object) -> list[dict[str, Any]]:
    """Return every object of the output, the least nested first."""
    objects: list[dict[str, Any]] = []
    level, depth = [output], 0
    while level and depth < MAX_DEPTH:
        objects += [node for node in level if isinstance(node, dict)]
        level, depth = list(islice(containers(level), MAX_BREADTH)), depth + 1
    return objects


def comparisons(objects: Sequence[dict[str, Any]]) -> Compared | None:
    """Merge all `data_comparison` objects in an output; None if there is none.

    If a document was compared, a proof of address only determines the address: an initial on a utility bill does not
    contradict the name in a passport. Of several comparisons of one kind the worst result is used.
    """
    compared = [node for node in objects if isinstance(node.get("data_comparison"), dict)]
    if not compared:
        return None
    proofs = _proofs_of_address(objects, compared)
    by_documents = _merged(node for node in compared if id(node) not in proofs)
    by_proofs = _merged(node for node in compared if id(node) in proofs)
    if len(proofs) == len(compared):
        return _compared(by_proofs, has_document=False)
    return _compared(by_documents | address_of(by_proofs), has_document=True)


def address_of(by_key: Mapping[str, T]) -> dict[str, T]:
    """Return the entries of the address."""
    return {key: value for key, value in by_key.items() if key == "address"}


def _can_be_kept(pointer: str | None) -> TypeGuard[str]:
    return pointer is not None and len(pointer) <= MAX_POINTER and is_usable(pointer)


def _compared(merged: Mapping[str, _Finding], *, has_document: bool) -> Compared:
    findings = {key: comparison for key, (comparison, _) in merged.items()}
    return Compared(findings, has_document, {key: node for key, (_, node) in merged.items()})


def document_values(objects: Sequence[dict[str, Any]]) -> dict[str, str] | None:
    """Return the document's values from the document report; None if the output has none.

    A document report is an object with `properties` that also has a `breakdown.data_comparison`, or whose properties
    include one that only documents have (`_OF_DOCUMENTS`); a report on a proof of address is similar, but excluded. Of
    several reports the first with values is used, the least nested one.
    """
    values = None
    for node in objects:
        if _is_document_report(node):
            values = _values(mapping(node.get("properties")))
            if values:
                break
    return values


def _proofs_of_address(objects: Sequence[dict[str, Any]], compared: Sequence[dict[str, Any]]) -> set[int]:
    """Return the ids of those objects whose `data_comparison` belongs to a proof of address.

    A report contains its type. A bare comparison with an address belongs to a proof if there is another without an
    address, because documents are not compared with addresses.
    """
    breakdowns = {id(node["breakdown"]) for node in objects if "breakdown" in node and _is_proof_of_address(node)}
    reported = {id(node) for node in compared if id(node) in breakdowns or _is_proof_of_address(node)}
    bare = [node for node in compared if id(node) not in reported]
    addresses = {id(node) for node in bare if _compares_address(node)}
    return reported | (addresses if len(addresses) < len(bare) else set())


def _compares_address(node: dict[str, Any]) -> bool:
    keys = {key for key, _ in _findings(node["data_comparison"])}
    return "address" in keys and keys <= _COMPARED_BY_PROOFS


def _merged(nodes: Iterable[dict[str, Any]]) -> dict[str, _Finding]:
    merged: dict[str, _Finding] = {}
    for node in nodes:
        for key, comparison in _findings(node["data_comparison"]):
            finding = (comparison, node)
            merged[key] = min(merged.get(key, finding), finding, key=lambda each: _WORST_FIRST.index(each[0]))
    return merged


def _is_document_report(node: dict[str, Any]) -> bool:
    properties = node.get("properties")
    if not isinstance(properties, dict) or _is_proof_of_address(node):
        return False
    is_compared = isinstance(mapping(node.get("breakdown")).get("data_comparison"), dict)
    return is_compared or not _OF_DOCUMENTS.isdisjoint(properties)


def _is_proof_of_address(node: dict[str, Any]) -> bool:
    """Whether an object is the report on a proof of address, or its breakdown."""
    is_named = node.get("name") == "proof_of_address"
    is_classified = _has_classification(node) or _has_classification(mapping(node.get("breakdown")))
    return is_named or is_classified or not _OF_PROOFS_OF_ADDRESS.isdisjoint(mapping(node.get("properties")))


def _has_classification(breakdown: dict[str, Any]) -> bool:
    """Whether the kind of document was checked; a document's properties have another member with the same name."""
    return "result" in mapping(breakdown.get("document_classification"))


def _values(properties: dict[str, Any]) -> dict[str, str]:
    values = {name: written(properties.get(name), MAX_VALUE_LENGTH) for name in _READ_FROM_DOCUMENTS}
    values[DOCUMENT_NUMBER] = _document_number(properties)
    return {name: value for name, value in values.items() if value}


def _document_number(properties: dict[str, Any]) -> str | None:
    """Read the document's number: the entry of that type in the list, otherwise the property, otherwise an entry
    without type.
    """
    numbers = properties.get("document_numbers")
    entries = [entry for entry in (numbers if isinstance(numbers, list) else []) if isinstance(entry, dict)]
    typed = [entry.get("value") for entry in entries if entry.get("type") == DOCUMENT_NUMBER]
    untyped = [entry.get("value") for entry in entries if entry.get("type") is None]
    candidates = (written(each, MAX_VALUE_LENGTH) for each in (*typed, properties.get(DOCUMENT_NUMBER), *untyped))
    return next(filter(None, candidates), None)


def _findings(node: dict[str, Any]) -> Iterator[tuple[str, Comparison]]:
    """Read one comparison: the report form has the results in its `breakdown`, the flat form is the breakdown."""
    breakdown = node.get("breakdown")
    for key, value in (breakdown if isinstance(breakdown, dict) else node).items():
        if key not in _OF_THE_REPORT:
            yield key, _comparison(value.get("result") if isinstance(value, dict) else value)


def _comparison(result: object) -> Comparison:
    return _BY_NAME.get(result if isinstance(result, str) else "", Comparison.NOT_COMPARED)

"""The reports of a run, in Onfido's form ("All Data") and consistent with the comparisons.

The document is the sandbox's: Jane Doe's passport. Reports that compare nothing are clear.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.simulator.records import API_PATH, iso, new_id, now
from connector.simulator.validation import Json

CLEAR, CONSIDER, UNIDENTIFIED = RESULTS = ("clear", "consider", "unidentified")

Comparisons = Mapping[str, str | None]

_OF_THE_ADDRESS = ("address", "first_name", "last_name")
_DOCUMENT_ASSERTIONS = {
    "data_validation": ("date_of_birth", "document_expiration", "document_numbers", "expiry_date", "gender", "mrz"),
    "image_integrity": ("colour_picture", "conclusive_document_quality", "image_quality", "supported_document"),
    "visual_authenticity": (
        *("digital_tampering", "face_detection", "fonts", "original_document_present", "other"),
        *("picture_face_integrity", "security_features", "template"),
    ),
    "data_consistency": ("date_of_birth", "date_of_expiry", "document_numbers", "first_name", "last_name"),
    "compromised_document": ("document_database", "repeat_attempts"),
    "age_validation": ("minimum_accepted_age",),
}
_DOCUMENT = {
    "first_name": "Jane",
    "last_name": "Doe",
    "date_of_birth": "1990-01-01",
    "document_type": "passport",
    "document_numbers": [{"type": "document_number", "value": "999999999"}],
    "date_of_expiry": "2031-05-28",
    "issuing_country": "GBR",
}
_ADDRESS_PROOF = {
    "address": "12 Main Street, London, SW1 1AA",
    "document_type": "utility_bill",
    "first_names": "Jane",
    "last_names": "Doe",
    "issue_date": "2026-01-31",
    "issuer": "British Gas",
}


def data_comparison(comparisons: Comparisons) -> Json:
    """Break a comparison down as a report does."""
    breakdown: Json = {key: _assertion(result) for key, result in comparisons.items()}
    return {"result": _worst(comparisons), "breakdown": breakdown}


def document_report(comparisons: Comparisons) -> Json:
    """Make a document report."""
    result = _worst(comparisons)
    breakdown = {name: _all_clear(*assertions) for name, assertions in _DOCUMENT_ASSERTIONS.items()}
    return {
        **_report("document", result),
        "sub_result": "clear" if result in (None, CLEAR) else "caution",
        "documents": [{"id": new_id()}],
        "breakdown": {"data_comparison": data_comparison(comparisons), **breakdown, "police_record": {"result": CLEAR}},
        "properties": _DOCUMENT,
    }


def all_reports(comparisons: Comparisons) -> Json:
    """Make a report of each kind; an address is compared with its own proof, not with the document."""
    document = document_report({key: result for key, result in comparisons.items() if key != "address"})
    return {
        "document_report": document,
        "facial_similarity_report": _facial_similarity_report(document["documents"]),
        "identity_report": _identity_report(comparisons),
        "proof_of_address_report": _proof_of_address_report(comparisons),
        "watchlist_report": _watchlist_report(),
    }


def _facial_similarity_report(documents: list[Json]) -> Json:
    match = {"result": CLEAR, "properties": {"score": 0.97, "document_id": documents[0]["id"]}}
    spoofing = {"result": CLEAR, "properties": {"score": 0.95}}
    return {
        **_report("facial_similarity_photo", CLEAR),
        "documents": documents,
        "live_photos": [{"id": new_id()}],
        "breakdown": {
            "face_comparison": {"result": CLEAR, "breakdown": {"face_match": match}},
            "image_integrity": _all_clear("face_detected", "source_integrity"),
            "visual_authenticity": {"result": CLEAR, "breakdown": {"spoofing_detection": spoofing}},
        },
        "properties": {"score": 0.95},
    }


def _identity_report(comparisons: Comparisons) -> Json:
    results = {key: comparisons.get(key) for key in ("address", "date_of_birth")}
    sources = {"total_sources": {"result": CLEAR, "properties": {"total_number_of_sources": "3"}}}
    return {
        **_report("identity_enhanced", _worst(results)),
        "breakdown": {
            "sources": {"result": CLEAR, "breakdown": sources},
            "address": _by_source(results["address"], "credit_agencies", "telephone_database", "voting_register"),
            "date_of_birth": _by_source(results["date_of_birth"], "credit_agencies", "voting_register"),
            "mortality": {"result": CLEAR},
        },
        "properties": {"matched_address": 1} if results["address"] == CLEAR else {},
    }


def _proof_of_address_report(comparisons: Comparisons) -> Json:
    compared = {key: comparisons.get(key) for key in _OF_THE_ADDRESS}
    return {
        **_report("proof_of_address", _worst(compared)),
        "breakdown": {
            "data_comparison": data_comparison(compared),
            "document_classification": _all_clear("supported_document"),
            "image_integrity": _all_clear("image_quality"),
        },
        "properties": _ADDRESS_PROOF,
    }


def _watchlist_report() -> Json:
    lists = ("sanction", "politically_exposed_person", "legal_and_regulatory_warnings")
    breakdown = {name: {"result": CLEAR} for name in lists}
    return {**_report("watchlist_standard", CLEAR), "breakdown": breakdown, "properties": {"records": []}}


def _report(name: str, result: str | None) -> Json:
    """Begin a report; only a document's has a sub-result."""
    report_id = new_id()
    return {
        "id": report_id,
        "name": name,
        "status": "complete",
        "result": result or CLEAR,
        "sub_result": None,
        "created_at": iso(now()),
        "href": f"{API_PATH}/reports/{report_id}",
        "check_id": new_id(),
    }


def _assertion(result: str | None) -> Json:
    return {"result": result, "properties": {}}


def _all_clear(*assertions: str) -> Json:
    return {"result": CLEAR, "breakdown": {name: _assertion(CLEAR) for name in assertions}}


def _by_source(result: str | None, *sources: str) -> Json:
    matches = {"number_of_matches": "1" if result == CLEAR else "0"}
    breakdown: dict[str, Any] = {source: {"result": result, "properties": matches} for source in sources}
    return {"result": result, "breakdown": breakdown}


def _worst(comparisons: Comparisons) -> str | None:
    results = set(comparisons.values())
    return next((result for result in (CONSIDER, UNIDENTIFIED, CLEAR) if result in results), None)

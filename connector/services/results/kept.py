"""The encrypted output of a run until its retention ends: output, reasons, the document's values."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from connector.domain.claims import Claim
from connector.domain.frozen import frozen
from connector.domain.nesting import is_deeper
from connector.domain.studio.workflow_run import RunSnapshot
from connector.domain.verifications.judgement import Judged
from connector.domain.verifications.verification import Verification
from connector.services.use_case import use_case
from connector.store import sealed
from connector.store.vault import Vault

log = structlog.get_logger(__name__)

OUTPUT_VALUE, DOCUMENT = "onfido_output_value", "onfido_document"  # in the metadata of a claim
MAX_DEPTH = 99  # maximum depth of an output; a deeper one is not stored, because some JSON parsers could not read it
MAX_OUTPUT = 1024 * 1024  # characters of JSON; a larger output is not stored


@frozen
class KeptResult:
    """The workflow's output, of any JSON shape, and its reasons."""

    output: Any
    reasons: Sequence[str]


@use_case
class KeptResults:
    """Encrypts and decrypts kept results."""

    _vault: Vault

    def columns(self, verification: Verification, run: RunSnapshot) -> dict[str, Any]:
        """Return the columns of a verification with its kept results."""
        verification_id = verification.verification_id
        written = _written(verification_id, run)
        columns = {"result": self._vault.seal(written, sealed.run_result(verification_id)), **_facts(run)}
        return columns | (self.document_column(verification, run) if verification.wants_document else {})

    def document_column(self, verification: Verification, run: RunSnapshot) -> dict[str, Any]:
        """Return the column with the document's values; empty if there are none."""
        if not run.document:
            return {}
        place = sealed.run_document(verification.verification_id)
        return {"document": self._vault.seal(json.dumps(dict(run.document)), place), **_facts(run)}

    def values(self, verification: Verification, judged: Sequence[Judged]) -> dict[str, str]:
        """Encrypt the values that the output has for claims, by URI."""
        verification_id = verification.verification_id
        return {
            claim.uri: self._vault.seal(value, sealed.output_value(verification_id, claim.uri))
            for claim, verdict in judged
            if (value := verdict.output_value) is not None
        }

    def result(self, verification: Verification) -> KeptResult | None:
        """Decrypt a verification's kept result; None if there is none, or its retention has ended."""
        if verification.result is None:
            return None
        kept = json.loads(self._vault.open(verification.result, sealed.run_result(verification.verification_id)))
        return KeptResult(kept["output"], kept["reasons"])

    def document(self, verification: Verification) -> Mapping[str, str] | None:
        """Decrypt the document's values."""
        return self._document(verification.document, verification.verification_id)

    def read_of(self, claim: Claim) -> dict[str, Any]:
        """Decrypt Onfido's values, for the metadata of a claim."""
        read: dict[str, Any] = {}
        if claim.verification_id is None:
            return read
        if claim.output_value is not None:
            place = sealed.output_value(claim.verification_id, claim.uri)
            read[OUTPUT_VALUE] = self._vault.open(claim.output_value, place)
        if document := self._document(claim.document, claim.verification_id):
            read[DOCUMENT] = document
        return read

    def _document(self, column: str | None, verification_id: str) -> Mapping[str, str] | None:
        if column is None:
            return None
        opened: dict[str, str] = json.loads(self._vault.open(column, sealed.run_document(verification_id)))
        return opened


def _facts(run: RunSnapshot) -> dict[str, Any]:
    """Return the columns that are kept as evidence: the document's type, and the reports, as far as they are known."""
    facts = {"document_type": (run.document or {}).get("document_type"), "reports": list(run.reports)}
    return {name: fact for name, fact in facts.items() if fact}


def _written(verification_id: str, run: RunSnapshot) -> str:
    written = "" if is_deeper(run.output, MAX_DEPTH) else json.dumps({"output": run.output, "reasons": run.reasons})
    if 0 < len(written) <= MAX_OUTPUT:
        return written
    log.warning("run.output_too_large", verification_id=verification_id, run_id=run.run_id)
    return json.dumps({"output": None, "reasons": run.reasons})

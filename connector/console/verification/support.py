"""The text about a verification for a support request: ids, states, codes and times.

It has no personal value, no user's id and nothing that Onfido wrote in words. It is not translated: people who read it
may work in another language than those who copy it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from connector import __version__
from connector.domain.people.user_status import AttemptNumber
from connector.domain.providers.provider import Provider
from connector.domain.utc import timestamp
from connector.domain.verifications.judgement import Explanation
from connector.services.lookup.verifications import VerificationDetails

MOST_TRACES = 5


def support_text(
    details: VerificationDetails,
    explanations: Sequence[Explanation],
    provider: Provider,
    attempt: AttemptNumber | None,
) -> str:
    """Return the text, with a line for each fact that is known."""
    verification = details.listed.verification
    facts = {
        "Verification": verification.verification_id,
        "Run": verification.run_id,
        "Applicant": verification.applicant_id,
        "Provider": provider.provider_id,
        "Tenant": verification.tenant,
        "Environment": verification.environment,
        "Onfido": provider.base_url,
        "Workflow": provider.workflow_id,
        "Workflow version": verification.workflow_version_id,
        "Status": verification.status,
        "Decision": verification.decision,
        "Attempt": f"{attempt.number} of {attempt.most}" if attempt else None,
        "Capture": verification.capture,
        "Application": verification.client_id,
        "Started": timestamp(verification.created_at),
        "Captured": timestamp(verification.captured_at),
        "Completed": timestamp(verification.completed_at),
        "Closed": timestamp(verification.closed_at),
        "Updated": timestamp(verification.updated_at),
        "Trace ids": ", ".join(_traces(details)) or None,
        "Connector": __version__,
    }
    lines = [f"{name}: {value}" for name, value in facts.items() if value is not None]
    return "\n".join([*lines, *(f"Attribute {_attribute(each)}" for each in explanations)])


def _attribute(explanation: Explanation) -> str:
    verdict = explanation.verdict
    if verdict is None:
        return f"{explanation.claim.uri}: no result"
    result = "verified" if verdict.is_verified else verdict.verification_status
    return f"{explanation.claim.uri}: {result} (rule {verdict.rule.value}, finding {verdict.finding or 'none'})"


def _traces(details: VerificationDetails) -> Iterator[str]:
    known = dict.fromkeys(each.trace_id for each in details.history if each.trace_id)
    yield from list(known)[-MOST_TRACES:]

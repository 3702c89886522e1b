"""Claims in a workflow's output: the values and results to which a provider's `outputClaims` point."""

from __future__ import annotations

import re
from typing import Any

from connector.domain.studio.studio import OutputRole
from connector.domain.studio.workflow_run import Comparison
from connector.domain.text import is_usable
from connector.domain.verifications.judgement import ClaimOutput
from connector.domain.verifications.verification import VerificationClaim

MAX_VALUE = 255
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")


def read_claim(output: object, claim: VerificationClaim) -> ClaimOutput:
    """Read a claim from the output: its value, or Onfido's result for it."""
    if claim.output_pointer is None:
        return ClaimOutput()
    node = resolve(output, claim.output_pointer)
    if claim.output_role is OutputRole.VALUE:
        return ClaimOutput(value=_value(node))
    return ClaimOutput(_result(node)) if claim.output_role is OutputRole.RESULT else ClaimOutput()


def resolve(node: Any, pointer: str) -> Any:
    """Return the value that a JSON Pointer (RFC 6901) refers to; None if there is none."""
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        if isinstance(node, dict):
            node = node.get(name)
        elif isinstance(node, list) and _INDEX.fullmatch(name) and int(name) < len(node):
            node = node[int(name)]
        else:
            return None
    return node


def _value(node: Any) -> str | None:
    """Read a value as text; None for one that cannot be a claim's."""
    if isinstance(node, bool):
        return str(node).lower()
    text = str(node).strip() if isinstance(node, str | int | float) else ""
    return text if text and is_usable(text) and len(text) <= MAX_VALUE else None


def _result(node: Any) -> Comparison:
    """Read a result: a report's, a breakdown's, or a flag."""
    if isinstance(node, dict):
        node = node.get("result")
    if isinstance(node, bool):
        return Comparison.CLEAR if node else Comparison.CONSIDER
    try:
        return Comparison(str(node))
    except ValueError:
        return Comparison.NOT_COMPARED

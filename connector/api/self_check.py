"""Answers to `connector check-settings`, which calls it through `public_url`; not part of the public API.

The question is signed with a key that only processes on this database have, and so is the answer.
"""

from __future__ import annotations

from flask import Blueprint, Response, current_app, jsonify, request

from connector.api.errors import body
from connector.api.parsing import read_body
from connector.errors import Code, RequestError
from connector.services.self_check import PATH, PROOF_HEADER, SIGNATURE_HEADER, SelfCheck

MAX_QUESTION = 8192  # bytes
_STATUS = {Code.WEBHOOK_SIGNATURE_WRONG: 401}

blueprint = Blueprint("self_check", __name__)


@blueprint.post(PATH)
def answer_question() -> Response:
    """Prove which installation answers, and report how long the question took to arrive, if that is known."""
    self_check: SelfCheck = current_app.extensions["services"].self_check
    try:
        proof = self_check.answer(read_body(MAX_QUESTION), request.headers.get(SIGNATURE_HEADER, ""))
    except RequestError as error:
        return body(error.code, error.code.message, error.description, _STATUS.get(error.code, 400))
    response = jsonify(arrival=request.environ.get("connector.arrival"))
    response.headers[PROOF_HEADER] = proof
    return response

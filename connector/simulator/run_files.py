"""A run's timeline file, signed evidence file and evidence folder, once it has ended.

    GET /v3.6/workflow_runs/{run}/signed_evidence_file ──► 302 ──► GET /files/…?signature=… ──► the file

Onfido keeps files at another host, which takes a signature, good for one download, instead of the token, and refuses
both at once. On loopback that host is the simulator under its other name, so that clients which drop the token when
they are sent to another host drop it here too.
"""

from __future__ import annotations

from flask import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as BaseResponse

from connector.simulator import errors, events
from connector.simulator.files import File, Kind
from connector.simulator.records import new_id
from connector.simulator.runs import Run
from connector.simulator.simulation import locked, simulation
from connector.simulator.validation import Json

blueprint = Blueprint("run_files", __name__)
storage = Blueprint("storage", __name__, url_prefix="/files")

_OTHER_NAME = {"127.0.0.1": "localhost", "localhost": "127.0.0.1"}


@blueprint.post("/workflow_runs/<run_id>/timeline_file")
def create_timeline_file(run_id: str) -> tuple[Json, int]:
    """Create a timeline file."""
    parts, file_id = simulation(), new_id()
    with parts.state.lock:
        run = _ended(run_id)
        run.timeline_files.add(file_id)
        message = events.timeline_file_created(run, file_id, _signed_url(File(Kind.TIMELINE, run.run_id)))
    parts.sender.send([message])
    return {"workflow_timeline_file_id": file_id, "href": events.timeline_file_href(run, file_id)}, 202


@blueprint.get("/workflow_runs/<run_id>/timeline_file/<file_id>")
def find_timeline_file(run_id: str, file_id: str) -> BaseResponse:
    """Return a timeline file."""
    with locked():
        run = _ended(run_id)
        if file_id not in run.timeline_files:
            raise errors.not_found("timeline file")
        return _answer(File(Kind.TIMELINE, run.run_id))


@blueprint.get("/workflow_runs/<run_id>/signed_evidence_file")
def download_signed_evidence_file(run_id: str) -> BaseResponse:
    """Return the signed evidence file."""
    with locked():
        return _answer(File(Kind.EVIDENCE, _ended(run_id).run_id))


@blueprint.get("/workflow_runs/<run_id>/evidence_folder")
def download_evidence_folder(run_id: str) -> BaseResponse:
    """Return the evidence folder."""
    with locked():
        return _answer(File(Kind.FOLDER, _ended(run_id).run_id))


@storage.get("/<name>")
def fetch(name: str) -> Response:
    """Return a file for a valid signature; a request that also has a token is refused."""
    state = simulation().state
    if "Authorization" in request.headers:
        return _refuse(400, "InvalidArgument", "A signed URL accepts no other authorization.")
    with state.lock:
        file = state.files.get(request.args.get("signature", ""))
        if file is None or file.name != name:
            return _refuse(403, "AccessDenied", "The signature is unknown, of another file, or already used.")
        del state.files[request.args["signature"]]
    return _stream(file)


def _ended(run_id: str) -> Run:
    run = simulation().state.run(run_id)
    if not run.has_ended:
        raise errors.invalid({"workflow_run_id": ["must have ended"]})
    return run


def _answer(file: File) -> BaseResponse:
    state = simulation().state
    if state.takes("files_pending"):
        raise errors.not_found("file yet")
    return _stream(file) if state.takes("files_inline") else redirect(_signed_url(file))


def _signed_url(file: File) -> str:
    host, colon, port = request.host.partition(":")
    root = f"{request.scheme}://{_OTHER_NAME.get(host, host)}{colon}{port}"
    return f"{root}{storage.url_prefix}/{file.name}?signature={simulation().state.sign(file)}"


def _stream(file: File) -> Response:
    content = file.content(simulation().state.faults.files_bytes)
    response = Response(content.blocks, mimetype=content.mimetype)
    response.content_length = content.length
    return response


def _refuse(status: int, code: str, message: str) -> Response:
    """Refuse as S3 does."""
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return Response(body, status, mimetype="application/xml")

"""Answers that a proxy has compressed, or that begin with a byte order mark, without a request for it."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib
from collections.abc import Callable

import pytest

from connector.errors import Code, OnfidoError
from connector.onfido.calls import MAX_BODY_BYTES
from connector.onfido.client import OnfidoClient
from connector.onfido.evidence import MAX_FILE_BYTES
from tests.onfido.conftest import Reply, ScriptedOnfido

RUN = {"id": "run-1", "status": "processing", "output": {"words": "ä" * 200_000}}
Compress = Callable[[bytes], bytes]


def bare_deflate(content: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(content) + compressor.flush()


def gzip_in_two_members(content: bytes) -> bytes:
    half = len(content) // 2
    return gzip.compress(content[:half]) + gzip.compress(content[half:])


CODINGS: dict[str, tuple[str, Compress]] = {
    "gzip": ("gzip", gzip.compress),
    "gzip, by its old name": ("X-GZip", gzip.compress),
    "gzip in two members": ("gzip", gzip_in_two_members),
    "gzip with something behind it": ("gzip", lambda content: gzip.compress(content) + b"\0\0"),
    "gzip that compresses nothing": ("gzip", lambda content: gzip.compress(content, 0)),
    "deflate": ("deflate", zlib.compress),
    "deflate without zlib's header": ("deflate", bare_deflate),
    "identity": ("identity", bytes),
}
compressed = pytest.mark.parametrize("coding", CODINGS)


def reply(coding: str, content: bytes, status: int = 200, *, pieces: int = 1) -> Reply:
    name, compress = CODINGS[coding]
    return Reply(status, compress(content), {"Content-Encoding": name}, pieces=pieces)


def failure(call: Callable[[], object]) -> OnfidoError:
    with pytest.raises(OnfidoError) as caught:
        call()
    return caught.value


@compressed
def test_a_compressed_answer_is_read(onfido: ScriptedOnfido, client: OnfidoClient, coding: str) -> None:
    onfido.answers(reply(coding, json.dumps(RUN, ensure_ascii=False).encode(), pieces=7))
    assert client.get_run("run-1").output == RUN["output"]


@compressed
def test_a_compressed_refusal_is_read(onfido: ScriptedOnfido, client: OnfidoClient, coding: str) -> None:
    body = json.dumps({"error": {"type": "validation_error", "message": "No", "fields": {"first_name": ["is odd"]}}})
    onfido.answers(reply(coding, body.encode(), 422))
    error = failure(lambda: client.create_applicant({"first_name": "Ann"}))
    assert (error.code, error.type) == (Code.APPLICANT_REFUSED, "validation_error")
    assert "first_name: is odd" in error.description


@compressed
def test_a_compressed_file_is_passed_on_unchanged(onfido: ScriptedOnfido, client: OnfidoClient, coding: str) -> None:
    content = b"%PDF" + bytes(range(256)) * 2000
    onfido.answers(reply(coding, content))
    with client.open_signed_evidence("run-1") as file:
        assert file.length == (len(content) if coding == "identity" else None)
        assert b"".join(file.chunks) == content


def test_a_compressed_file_may_be_empty(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(reply("gzip", b"", pieces=2))
    with client.open_signed_evidence("run-1") as file:
        assert list(file.chunks) == []


def test_an_answer_without_a_body_may_be_declared_as_compressed(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(Reply(204, b"", {"Content-Encoding": "gzip"}))
    client.delete_applicant("applicant-1")


@pytest.mark.parametrize("coding", ["gzip", "deflate", "deflate without zlib's header"])
def test_a_compression_bomb_is_refused_without_filling_memory(
    onfido: ScriptedOnfido, client: OnfidoClient, coding: str
) -> None:
    onfido.answers(reply(coding, b'{"id": "run-1", "status": "' + b" " * 20 * MAX_BODY_BYTES + b'approved"}'))
    tracemalloc.start()
    error = failure(lambda: client.get_run("run-1"))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (error.code, error.status) == (Code.INITIATION_FAILED, 200)
    assert "longer than 5 MB" in error.description
    assert most < 4 * MAX_BODY_BYTES


def test_a_body_of_exactly_the_limit_is_read_and_a_longer_one_is_not(
    onfido: ScriptedOnfido, client: OnfidoClient
) -> None:
    body = json.dumps(RUN).encode()
    whole = body + b" " * (MAX_BODY_BYTES - len(body))
    onfido.answers(reply("gzip", whole), reply("gzip", whole + b" "))
    assert client.get_run("run-1").run_id == "run-1"
    assert failure(lambda: client.get_run("run-1")).code is Code.INITIATION_FAILED


def test_a_file_that_is_a_compression_bomb_is_cut_off_at_the_limit(
    onfido: ScriptedOnfido, client: OnfidoClient
) -> None:
    content = gzip.compress(bytes(MAX_FILE_BYTES + 1), 1)  # the fastest, and small enough
    onfido.answers(Reply(200, content, {"Content-Encoding": "gzip"}))
    with client.open_evidence_folder("run-1") as file, pytest.raises(OnfidoError, match="larger than 200 MB"):
        for _ in file.chunks:
            pass


@pytest.mark.parametrize(
    "garble",
    [
        pytest.param(lambda body: body[:-9], id="broken off"),
        pytest.param(lambda body: body[:3], id="hardly begun"),
        pytest.param(lambda body: b"<html>" + body, id="of another kind"),
        pytest.param(lambda body: body[:20] + b"\0" * 20 + body[40:], id="garbled"),
    ],
)
@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_an_unreadable_compressed_answer_may_have_taken_effect(
    onfido: ScriptedOnfido, client: OnfidoClient, coding: str, garble: Compress
) -> None:
    name, compress = CODINGS[coding]
    onfido.answers(Reply(201, garble(compress(json.dumps(RUN).encode())), {"Content-Encoding": name}))
    error = failure(lambda: client.create_applicant({"first_name": "Ann"}))
    assert (error.code, error.is_sent) == (Code.ONFIDO_UNREACHABLE, True)


def test_an_unknown_content_encoding_is_unreadable(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(Reply(200, b"\x0b\x02\x80{}", {"Content-Encoding": "br"}))
    assert failure(lambda: client.get_run("run-1")).code is Code.INITIATION_FAILED


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_an_answer_may_begin_with_a_byte_order_mark(onfido: ScriptedOnfido, client: OnfidoClient, mark: bytes) -> None:
    onfido.answers(Reply(200, mark + json.dumps(RUN).encode()), reply("gzip", mark + json.dumps(RUN).encode()))
    assert client.get_run("run-1") == client.get_run("run-1")

"""Decompression of bodies that an intermediary has compressed, although `Accept-Encoding: identity` was sent.

Decompressed data is yielded in small pieces, so that a decompression bomb cannot exhaust the memory: the reader stops
at its limit.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from urllib3 import BaseHTTPResponse
from urllib3.exceptions import DecodeError

PIECE_BYTES = 64 * 1024

_GZIP, _ZLIB, _RAW_DEFLATE = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
_GZIP_START = b"\x1f"


def is_compressed(response: BaseHTTPResponse) -> bool:
    """Whether the length of the body differs from the one in the header."""
    return _coding(response) != ""


def read_pieces(response: BaseHTTPResponse) -> Iterator[bytes]:
    """Read a body as it arrives, decompressed; a piece may be empty.

    Raises `DecodeError` if the body does not match its `Content-Encoding`, or is truncated. Codings other than gzip
    and deflate are passed through.
    """
    pieces = _read_raw(response)
    match _coding(response):
        case "gzip" | "x-gzip":
            return _decompress(pieces, _GZIP)
        case "deflate":
            return _decompress(pieces, None)
        case _:
            return pieces


def _coding(response: BaseHTTPResponse) -> str:
    coding = response.headers.get("Content-Encoding", "").strip().lower()
    return "" if coding == "identity" else coding


def _read_raw(response: BaseHTTPResponse) -> Iterator[bytes]:
    while piece := response.read1(PIECE_BYTES, decode_content=False):
        yield piece


def _decompress(pieces: Iterator[bytes], window: int | None) -> Iterator[bytes]:
    """Decompress one stream, or several of gzip in a row; a `window` of None means either kind of deflate."""
    inflater = None
    try:
        for piece in pieces:
            rest = piece
            while rest:
                if inflater is None:
                    inflater = zlib.decompressobj(window or _deflate_window(rest))
                elif inflater.eof:
                    if rest[:1] != _GZIP_START:
                        break  # padding
                    inflater = zlib.decompressobj(_GZIP)
                yield from _inflate(inflater, rest)
                rest = inflater.unused_data
    except zlib.error as error:
        raise DecodeError("the body is not compressed as its header says") from error
    if inflater is not None and not inflater.eof:
        raise DecodeError("the compressed body breaks off")


def _inflate(inflater: zlib._Decompress, compressed: bytes) -> Iterator[bytes]:
    size = PIECE_BYTES
    while not inflater.eof and (compressed or size == PIECE_BYTES):  # a full piece: the decompressor may hold more
        inflated = inflater.decompress(compressed, PIECE_BYTES)
        yield inflated
        compressed, size = inflater.unconsumed_tail, len(inflated)


def _deflate_window(start: bytes) -> int:
    """Distinguish the zlib format (RFC 1950), which HTTP calls deflate, from the raw one that some servers send."""
    is_zlib = start[0] & 0x0F == zlib.DEFLATED and int.from_bytes(start[:2]) % 31 == 0
    return _ZLIB if is_zlib else _RAW_DEFLATE

"""The files of a run: PDF and zip of any size, created while they are sent, to limit the memory used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from zipfile import ZipFile

BLOCK = 64 * 1024


class Kind(StrEnum):
    """The kind of a run's file."""

    TIMELINE = "timeline_file"
    EVIDENCE = "signed_evidence_file"
    FOLDER = "evidence_folder"


@dataclass(frozen=True)
class File:
    """One file of one run."""

    kind: Kind
    run_id: str

    @property
    def name(self) -> str:
        """The name under which it is stored."""
        return f"{self.kind}_{self.run_id}.{'zip' if self.kind is Kind.FOLDER else 'pdf'}"

    def content(self, size: int) -> Content:
        """Create it with `size` bytes, or more if its contents are longer."""
        title = f"{self.kind.replace('_', ' ').capitalize()} of workflow run {self.run_id}"
        return _zip(title, size) if self.kind is Kind.FOLDER else _pdf(title, size)


@dataclass(frozen=True)
class Content:
    """The bytes of a file, which can be read once."""

    mimetype: str
    length: int
    blocks: Iterator[bytes]


def _pdf(title: str, size: int) -> Content:
    padding = max(0, size - sum(map(len, _pdf_around(title, 0))))
    head, tail = _pdf_around(title, padding)
    return Content("application/pdf", len(head) + padding + len(tail), chain((head,), _blanks(padding, b" "), (tail,)))


def _pdf_around(title: str, padding: int) -> tuple[bytes, bytes]:
    """Return the parts of a file before and after a stream of unused padding; its one page shows `title`.

    All numbers have a fixed width, so that the padding is all that makes files differ in size.
    """
    text = f"BT /F1 12 Tf 56 780 Td ({title}) Tj ET"
    font = "<< /Font << /F1 4 0 R >> >>"
    objects = (
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R /Resources {font} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        f"<< /Length {len(text)} >>\nstream\n{text}\nendstream",
        f"<< /Length {padding:010} >>\nstream\n",
    )
    head, offsets = "%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(head))
        head += f"{number} 0 obj\n{content}\nendobj\n"
    head = head.removesuffix("\nendobj\n")
    end = "\nendstream\nendobj\n"
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    count = len(objects) + 1
    tail = (
        f"{end}xref\n0 {count}\n0000000000 65535 f \n{table}trailer\n<< /Size {count} /Root 1 0 R >>\n"
        f"startxref\n{len(head) + padding + len(end):010}\n%%EOF\n"
    )
    return head.encode(), tail.encode()


def _zip(title: str, size: int) -> Content:
    overhead = sum(map(len, _zip_blocks(title, 0)))
    padding = max(0, size - overhead)
    return Content("application/zip", overhead + padding, _zip_blocks(title, padding))


def _zip_blocks(title: str, padding: int) -> Iterator[bytes]:
    sink = _Sink()
    with ZipFile(sink, "w") as archive:
        archive.writestr("signed_evidence_file.pdf", b"".join(_pdf(title, 0).blocks))
        with archive.open("padding.bin", "w") as member:
            for block in _blanks(padding, b"\0"):
                member.write(block)
                yield sink.take()
    yield sink.take()


class _Sink:
    """Keeps written bytes until they are taken."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, data: bytes) -> int:
        self._written += data
        return len(data)

    def flush(self) -> None:
        """There is nowhere else to write it to."""

    def close(self) -> None:
        """There is nothing to close."""

    def take(self) -> bytes:
        taken, self._written = bytes(self._written), bytearray()
        return taken


def _blanks(count: int, byte: bytes) -> Iterator[bytes]:
    for start in range(0, count, BLOCK):
        yield byte * min(BLOCK, count - start)

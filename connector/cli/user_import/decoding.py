"""The bytes of a file as text: UTF-8, with or without a byte order mark."""

from __future__ import annotations

import codecs

HOW_TO_SAVE = (
    'In Excel: File, Save As, "CSV UTF-8 (Comma delimited)". In LibreOffice: File, Save As, "Text CSV", '
    'tick "Edit filter settings", character set "Unicode (UTF-8)".'
)
_SAMPLE = 4096  # bytes
# The marks of UTF-32 come first, because its little-endian one begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
_WORKBOOKS = ((b"PK\x03\x04", "a workbook (.xlsx, .ods) or zip file"), (b"\xd0\xcf\x11\xe0", "a workbook (.xls)"))


class UnreadableFileError(Exception):
    """The file as a whole cannot be read; the text says why and what to do."""


def decode(content: bytes) -> str:
    """Return a file's text without its byte order mark; raises `UnreadableFileError` if it is not UTF-8."""
    for mark, title in _WORKBOOKS:
        if content.startswith(mark):
            raise UnreadableFileError(f"it is {title}; must be CSV or JSON, in UTF-8. {HOW_TO_SAVE}")
    if encoding := _wide_encoding(content):
        raise UnreadableFileError(f"it is saved as {encoding}; must be UTF-8. {HOW_TO_SAVE}")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableFileError(_not_utf8(content, error.start)) from None  # the error repeats the content


def _wide_encoding(content: bytes) -> str | None:
    for mark, name in _MARKS:
        if content.startswith(mark):
            return name
    sample = content[:_SAMPLE]
    is_wide = sample.count(0) * 4 >= len(sample) > 0  # in most scripts' headings every second byte of UTF-16 is zero
    return "UTF-16 without a byte order mark" if is_wide else None


def _not_utf8(content: bytes, at: int) -> str:
    line = content.count(b"\n", 0, at) + 1
    guess = "probably as Windows-1252 (ANSI)" if _is_windows_1252(content) else "in another encoding"
    return f"line {line} is not UTF-8: the file was saved {guess}; must be UTF-8. {HOW_TO_SAVE}"


def _is_windows_1252(content: bytes) -> bool:
    try:
        content.decode("cp1252")
    except UnicodeDecodeError:
        return False
    return True

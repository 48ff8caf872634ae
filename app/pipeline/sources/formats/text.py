"""Bytes to text, markup to plain text."""

import codecs
import html
import re
from typing import Final

from w3lib.encoding import html_body_declared_encoding, http_content_type_encoding, read_bom, resolve_encoding

# Python also knows codecs that are no character sets (rot13, idna, punycode) and one may be slow on purpose.
_MANY_BYTES: Final = ("big5", "euc", "gb", "hz", "iso2022", "johab", "shift_jis", "utf")
_ONE_BYTE: Final = ("ascii", "cp", "iso8859", "koi8", "latin", "mac", "tis")
_MARKUP: Final = re.compile(r"<(?:/|!--|[a-z])[^<>]*>", re.IGNORECASE)
_BREAK: Final = re.compile(r"<(?:br|/p|/div|/li|/h[1-6]|/tr)\b[^<>]*>", re.IGNORECASE)
_RAGGED: Final = re.compile(r"[^\S\n ]|  |\n | \n|\n\n\n")
_BLANKS: Final = re.compile(r"[^\S\n]+")
_LINE_END: Final = re.compile(r" ?\n ?")
_BLANK_LINES: Final = re.compile(r"\n{3,}")


def decode(body: bytes, content_type: str = "") -> str:
    """The text of a body.

    Tried in order: byte order mark, a declared charset of several bytes a character, UTF-8, a declared one of
    one byte. The first that fits wins, since declarations lie, and text that fits UTF-8 by chance is rare where
    one-byte charsets fit everything. Windows-1252 is the last resort.

    Args:
        body: what was read.
        content_type: the Content-Type header.
    """
    encoding, mark = read_bom(body)
    said = (http_content_type_encoding(content_type), html_body_declared_encoding(body))
    declared = [(resolve_encoding(name) or "").replace("-", "_") for name in said if name]
    order = (
        *((encoding,) if encoding else ()),
        *(name for name in declared if name.startswith(_MANY_BYTES)),
        "utf-8",
        *(name for name in declared if name.startswith(_ONE_BYTE)),
    )
    for name in order:
        try:
            return body[len(mark or b"") :].decode(name).removeprefix("\ufeff")
        except (UnicodeError, LookupError):
            continue
    return codecs.decode(body, "cp1252", "replace")


def plain(text: str) -> str:
    """Text without markup, entities and runs of white space; paragraphs stay."""
    text = _unmarked(text)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if (not text.isprintable() or "  " in text) and _RAGGED.search(text):
        text = _BLANK_LINES.sub("\n\n", _LINE_END.sub("\n", _BLANKS.sub(" ", text)))
    return text.strip()


def one_line(text: str) -> str:
    """Plain text in one line: titles, places."""
    return " ".join(_unmarked(text).split())


def _unmarked(text: str) -> str:
    if "<" in text:
        text = _MARKUP.sub(" ", _BREAK.sub("\n", text))
    return html.unescape(text) if "&" in text else text

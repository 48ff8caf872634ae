"""schema.org items in web pages: JSON-LD scripts and microdata."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from lxml import etree, html

from app.pipeline.event import Reject, Sighting
from app.pipeline.sources.formats.origin import Origin
from app.pipeline.sources.formats.schedule import Days
from app.pipeline.sources.formats.schema_org import Around, Item, event_type_of, read_event

DEEPEST: Final = 40
"""Levels of nesting that are looked into."""

MOST_SCOPES: Final = 2_000
"""Microdata items in a page, and with `DEEPEST_SCOPE` what extruct reads in seconds: it reads nested ones again."""
DEEPEST_SCOPE: Final = 12

_SCOPES: Final = etree.XPath("count(//*[@itemscope])")
_DEEP: Final = etree.XPath("boolean(//*[@itemscope][count(ancestor::*[@itemscope]) >= $deepest])")
_COMMENT: Final = re.compile(r"^\s*(?:<!--|//\s*<!\[CDATA\[|/\*.*?\*/)|(?:-->|//\s*\]\]>)\s*$", re.DOTALL)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


class Script(NamedTuple):
    """One JSON-LD script of a page."""

    text: str
    line: int | None


def repeats(body: bytes) -> bool:
    """Whether a page may describe events that repeat, so that another day finds others in it."""
    return b"eventSchedule" in body


def parse_html(text: str) -> html.HtmlElement | None:
    """The tree of a page, however broken; None when nothing in it is markup."""
    # lxml takes no text that declares its own encoding, and stops at a NUL.
    data = _CONTROL.sub("", text).encode("utf-8", "replace")
    if not data.strip():
        return None
    parser = html.HTMLParser(encoding="utf-8")
    try:
        return html.document_fromstring(data, parser=parser)
    except (etree.ParserError, ValueError):
        return None


def read_structured_data(text: str, origin: Origin, url: str, days: Days) -> Iterator[Sighting | Reject]:
    """The events that a page describes for machines.

    An event that is described twice (JSON-LD and microdata, a list and its items) is taken as first read.

    Args:
        text: the page.
        origin: where it was read.
        url: base of relative links.
        days: for which events that repeat are written out.

    Yields:
        A sighting for each event, a reject for each event or script that makes no sense.
    """
    tree = parse_html(text)
    if tree is None:
        return
    seen: set[str] = set()
    around = Around(origin, url, days, {})
    for finding in (*_from_scripts(tree, around), *_from_microdata(text, tree, around)):
        if isinstance(finding, Sighting):
            if finding.reference in seen:
                continue
            seen.add(finding.reference)
        yield finding


def _from_scripts(tree: html.HtmlElement, around: Around) -> Iterator[Sighting | Reject]:
    for script in _scripts(tree):
        try:
            document = _load(script.text)
        except (ValueError, RecursionError) as error:
            yield around.origin.reject(f"invalid JSON-LD: {error}", script.text, script.line)
            continue
        items = list(_items(document))
        known = {str(item["@id"]): item for item in items if "@id" in item and len(item) > 1}
        for item in items:
            if event_type_of(item):
                yield from read_event(item, around._replace(known=known, line=script.line))


def _scripts(tree: html.HtmlElement) -> Iterator[Script]:
    for node in tree.iter("script"):
        if "ld+json" in (node.get("type") or "").lower():
            line = node.sourceline
            yield Script(node.text_content(), line if line and line > 0 else None)


def _load(text: str) -> Any:
    """The document; line breaks inside texts and comments around them are forgiven."""
    try:
        return json.loads(text, strict=False)
    except ValueError:
        return json.loads(_COMMENT.sub("", text).strip().rstrip(";"), strict=False)


def _items(value: Any, depth: int = 0) -> Iterator[Item]:
    """All objects in a document, outer ones first."""
    if depth > DEEPEST:
        return
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from _items(part, depth + 1)


def _from_microdata(text: str, tree: html.HtmlElement, around: Around) -> Iterator[Sighting | Reject]:
    if "itemscope" not in text.lower():
        return
    if _SCOPES(tree) > MOST_SCOPES or _DEEP(tree, deepest=DEEPEST_SCOPE):
        yield around.origin.reject("microdata of too many items, or nested too deep", text[:2_000])
        return
    # Importing extruct takes most of a second (it loads rdflib), and few pages need it.
    from extruct.w3cmicrodata import MicrodataExtractor  # noqa: PLC0415 - see above

    try:
        found = MicrodataExtractor().extract_items(tree, base_url=around.url)
        items = [item for part in found for item in _items(_as_json_ld(part))]
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        yield around.origin.reject(f"invalid microdata: {error}", text[:2_000])
        return
    for item in items:
        if event_type_of(item):
            yield from read_event(item, around)


def _as_json_ld(value: Any) -> Any:
    """Extruct's `{type, properties}` in the shape that JSON-LD has."""
    if isinstance(value, list):
        return [_as_json_ld(part) for part in value]
    if not isinstance(value, dict):
        return value
    properties = {name: _as_json_ld(part) for name, part in value.get("properties", {}).items()}
    return {"@type": value.get("type", ""), **({"@id": value["id"]} if "id" in value else {}), **properties}

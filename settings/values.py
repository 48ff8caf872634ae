"""From the text of a variable to the value of its field, and back."""

import re
from collections.abc import Iterable
from typing import Any, Final, cast

from pydantic import SecretStr

from settings.destinations import check_url
from settings.findings import Finding, Rule
from settings.marks import Slot
from settings.reading import Reading
from settings.rules import read_platform

_BETWEEN_URLS: Final = re.compile(r"\s*,\s*(?=[a-z0-9+]+://)|\s+")
_CREDENTIALS: Final = re.compile(r"://[^/]*@")  # a URL with a user, and so perhaps a password
_BETWEEN_WORDS: Final = re.compile(r"[\s,]+")


def values(slots: Iterable[Slot], reading: Reading, findings: list[Finding]) -> dict[str, Any]:
    """The values of the variables that are set, ready for pydantic: URLs checked and normalised, lists split.

    Args:
        slots: The variables.
        reading: What the sources say.
        findings: Takes what is wrong; such a variable has no value.
    """
    taken: dict[str, Any] = {}
    for slot in slots:
        text = reading.text(slot.variable)
        if text is None:
            continue
        if slot.urls is not None:
            parts = split_urls(text) if slot.urls.many else [text]
            urls = _normalised(reading, slot.variable, parts, findings)
            if urls:
                taken[slot.variable] = urls if slot.urls.many else urls[0]
        elif slot.is_list:
            taken[slot.variable] = tuple(filter(None, _BETWEEN_WORDS.split(text)))
        elif _CREDENTIALS.search(text) and not slot.is_secret:
            findings.append(_misplaced(slot.variable, reading))
        else:
            taken[slot.variable] = text
    return taken


def split_urls(text: str) -> list[str]:
    """Several URLs, separated by blanks or by commas before the next scheme (a plain comma is between hosts)."""
    return _BETWEEN_URLS.split(text.strip())


def text_of(value: object) -> str:
    """What one would type into the environment to get a value."""
    if value is None:
        return ""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return " ".join(map(text_of, cast(tuple[object, ...], value)))
    return str(value)


def _normalised(
    reading: Reading, variable: str, parts: Iterable[str], findings: list[Finding]
) -> tuple[str, ...]:
    on_render = read_platform(reading, [])
    urls = [check_url(reading, variable, part, on_render=on_render, findings=findings) for part in parts]
    return tuple(url.text(tls=not on_render and url.is_remote) for url in urls if url is not None)


def _misplaced(variable: str, reading: Reading) -> Finding:
    """A URL with a password where its text would be shown."""
    return Finding(
        rule=Rule.VALUE,
        variable=variable,
        problem="holds a URL with a user or password, and is not a secret setting",
        remedy=reading.without(variable),
        source=reading.source(variable),
    )

"""One form for the many that a URL comes in."""

import re
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from w3lib.url import canonicalize_url, url_query_cleaner

from app.pipeline.vocabulary import load

_TRACKING: Final = tuple(load("links")["tracking"])
_PREFIXES: Final = tuple(load("links")["tracking_prefixes"])
_PLAIN: Final = re.compile(r"https?://[a-z0-9.-]*[a-z](?:/[A-Za-z0-9._~/-]*[A-Za-z0-9._~-])?")
_PARAMETER: Final = re.compile(r"[?&]([^=&#]+)")


@lru_cache(maxsize=100_000)
def canonical(url: str) -> str | None:
    """A URL without fragment, tracking parameters and trailing slash, its host in lower case; None when it is none.

    Two texts that a browser takes to the same page become one, as far as the text tells.
    """
    text = url.strip()
    if _PLAIN.fullmatch(text):
        return text
    if text.casefold().startswith("www."):
        text = f"https://{text}"
    try:
        parts = urlsplit(text)
        if parts.scheme.lower() not in ("http", "https") or not parts.hostname:
            return None
        tracked = [
            name for name in _PARAMETER.findall(text) if name in _TRACKING or name.startswith(_PREFIXES)
        ]
        clean = url_query_cleaner(text, tracked, remove=True, unique=False) if tracked else text
        found = str(canonicalize_url(clean, keep_blank_values=True, keep_fragments=False))
    except ValueError:  # what urllib raises for a broken port or IPv6 host
        return None
    scheme, rest = found.split(":", 1)
    found = f"{scheme.lower()}:{rest}".rstrip("/")
    return found if found.startswith(("http://", "https://")) and "?" not in found[:9] else None


def host_of(url: str) -> str:
    """The host of a URL in canonical form, without a port."""
    authority = url.split("/", 3)[2]
    return authority.rpartition("@")[2].partition(":")[0]

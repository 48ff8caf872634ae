"""What an HTTP response means for us: content, unchanged, gone, later, or never."""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httpx

from app.pipeline.sources.fetching.public import PrivateAddressError

_PASSING: Final = frozenset({429, 502, 503, 504})
_GONE: Final = frozenset({404, 410})
_CHALLENGES: Final = (b"just a moment", b"cf-challenge", b"captcha", b"challenge-platform", b"px-captcha")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A successful response."""

    url: str
    """Where the redirects ended."""
    body: bytes
    content_type: str
    etag: str | None
    last_modified: str | None
    unchanged: bool
    """304: the body is what it was under the conditions that were sent."""


class FetchFailureError(Exception):
    """A URL could not be had."""

    def __init__(
        self, reason: str, *, passing: bool = False, gone: bool = False, wait: float | None = None
    ) -> None:
        """Say why; `passing` may be tried again, after `wait` seconds if the server asked for it."""
        super().__init__(reason)
        self.passing = passing
        self.gone = gone
        self.wait = wait


def judge(response: httpx.Response, body: bytes, *, conditional: bool) -> Answer:
    """Turn a response into an answer.

    Args:
        response: the last of the redirects.
        body: its decoded body.
        conditional: whether the request carried conditions, so that 304 is an answer.

    Raises:
        FetchFailureError: the status is not one that carries content.
    """
    status = response.status_code
    unchanged = status == httpx.codes.NOT_MODIFIED and conditional
    if status != httpx.codes.OK and not unchanged:
        wait = retry_after(response.headers.get("retry-after", "")) if status in _PASSING else None
        raise FetchFailureError(
            _refusal(status, body, wait), passing=status in _PASSING, gone=status in _GONE, wait=wait
        )
    return Answer(
        url=str(response.url),
        body=body,
        content_type=response.headers.get("content-type", ""),
        etag=response.headers.get("etag"),
        last_modified=response.headers.get("last-modified"),
        unchanged=unchanged,
    )


def without_body(response: httpx.Response) -> bool:
    """Whether nothing is worth reading: redirects and 304."""
    return httpx.codes.is_redirect(response.status_code) or response.status_code == httpx.codes.NOT_MODIFIED


def retry_after(value: str, now: datetime | None = None) -> float | None:
    """Seconds that a Retry-After header asks for (RFC 9110 10.2.3: seconds or an HTTP date), None if none."""
    if value.strip().isascii() and value.strip().isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, IndexError, OverflowError):
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - (now or datetime.now(UTC))).total_seconds())


def reason_of(error: Exception, timeout_seconds: float) -> str:
    """Why there was no response, for a person; never the URL, which may hold a key."""
    match error:
        case PrivateAddressError():
            return "leads to an address that is not public; allow_private_addresses in [fetch] permits that"
        case httpx.InvalidURL():
            return "is not an address"
        case httpx.TimeoutException() | TimeoutError():
            return f"does not answer completely within {timeout_seconds:g} s"
        case httpx.ConnectError():
            return f"cannot be connected to: {error}"
        case _:
            return f"breaks off: {str(error) or type(error).__name__}"


def _refusal(status: int, body: bytes, wait: float | None) -> str:
    if status in _GONE:
        return f"is not there ({status})"
    start = body[:20_000].lower()
    if any(sign in start for sign in _CHALLENGES):
        return f"answers {status} with a challenge that only a person in a browser passes"
    if wait is not None:
        return f"answers {status} and wants to be asked again in {wait:.0f} s"
    return f"answers {status}"

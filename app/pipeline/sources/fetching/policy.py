"""How politely and how far sources may reach: the table `[fetch]` of the list of sources."""

from pydantic import BaseModel, ConfigDict, Field


class FetchSettings(BaseModel):
    """Limits of every request and file; the defaults suit small sites."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    user_agent: str = "dance-events/0.1"
    """Who we say we are, also to robots.txt; add an address where a webmaster can reach you."""
    max_megabytes: float = Field(default=50, gt=0)
    """Longest body or file that is read."""
    timeout_seconds: float = Field(default=30, gt=0)
    """Total time of one attempt, however slowly the bytes drip; connecting gets at most a third of it."""
    attempts: int = Field(default=3, ge=1, le=10)
    """How often a passing failure (connection lost, 429, 502, 503, 504) is tried."""
    first_wait_seconds: float = Field(default=1, ge=0)
    """Wait before the second attempt; it doubles, with jitter."""
    longest_wait_seconds: float = Field(default=60, ge=0)
    """A Retry-After above this is not waited for: the place counts as unread."""
    redirects: int = Field(default=5, ge=0, le=20)
    """Most redirects that are followed."""
    delay_seconds: float = Field(default=1, ge=0)
    """Least time between two requests to one host; a robots.txt may ask for more, up to 10."""
    concurrency: int = Field(default=8, ge=1, le=64)
    """Most requests at once, each to another host."""
    allow_private_addresses: bool = False
    """Whether links found in pages and redirects may lead to addresses that are not public."""

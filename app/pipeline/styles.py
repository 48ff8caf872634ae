"""Which dances, and what kind of event: the controlled vocabulary of `stages/styles.toml`."""

from functools import lru_cache
from typing import Final

from app.pipeline.vocabulary import Vocabulary, load

_DATA: Final = load("styles")
_STYLES: Final = Vocabulary(_DATA["styles"])
_TYPES: Final = Vocabulary(_DATA["event_types"])
_RANK: Final = {kind: rank for rank, kind in enumerate(_DATA["event_types"])}
UNKNOWN_TYPE: Final = "other"


@lru_cache(maxsize=100_000)
def styles_in(text: str) -> tuple[str, ...]:
    """The styles that a text names, sorted; none when it names none."""
    return _STYLES.find(text)


@lru_cache(maxsize=100_000)
def types_in(text: str) -> tuple[str, ...]:
    """The kinds of event that a text names, the one that says most about an evening out first."""
    return tuple(sorted(_TYPES.find(text), key=_RANK.__getitem__))


def dance_styles(said: str, name: str, description: str) -> tuple[str, ...]:
    """The styles of an event: what the source calls them, else what the name or then the description says."""
    return (
        (styles_in(said) if said else ())
        or styles_in(name)
        or (_STYLES.find(description) if description else ())
    )


def event_type(said: str, name: str) -> str:
    """The kind of an event: what the source calls it, else what its name says."""
    found = (types_in(said) if said else ()) or types_in(name)
    return found[0] if found else UNKNOWN_TYPE

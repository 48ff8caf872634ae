"""The pipeline's knowledge as data: the TOML files beside the stages."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Any

from app.pipeline.text import fold


def load(name: str) -> dict[str, Any]:
    """The data file `app/pipeline/stages/<name>.toml`."""
    return tomllib.loads(files("app.pipeline.stages").joinpath(f"{name}.toml").read_text(encoding="utf-8"))


class Phrases:
    """Phrases to be found in folded texts, as whole words; the longest wins where two overlap.

    Most texts have no word that begins a phrase: finding that out takes a fraction of what the pattern takes.
    """

    def __init__(self, phrases: Iterable[str]) -> None:
        """Take the phrases; they are folded."""
        folded = sorted({fold(phrase) for phrase in phrases}, key=lambda phrase: (-len(phrase), phrase))
        self._firsts = frozenset(phrase.partition(" ")[0] for phrase in folded)
        self._pattern = re.compile(r"\b(?:" + "|".join(map(re.escape, folded)) + r")\b")

    def find(self, folded: str) -> list[str]:
        """The phrases in the order in which they occur."""
        return [] if self._firsts.isdisjoint(folded.split()) else self._pattern.findall(folded)

    def replace(self, folded: str, meaning: Mapping[str, str]) -> str:
        """The text with each phrase's meaning in its place."""
        if self._firsts.isdisjoint(folded.split()):
            return folded
        return self._pattern.sub(lambda match: meaning[match[0]], folded)


class Vocabulary:
    """Words that people use, and the one word that each of them means."""

    def __init__(self, words: Mapping[str, Iterable[str]]) -> None:
        """Take each meaning with its synonyms; a meaning is a synonym of itself."""
        self._meaning = {
            fold(word): meaning for meaning, others in words.items() for word in (meaning, *others)
        }
        self._phrases = Phrases(self._meaning)

    def find(self, text: str) -> tuple[str, ...]:
        """The meanings that occur in a text, sorted, each once."""
        found = self._phrases.find(fold(text))
        return tuple(sorted({self._meaning[word] for word in found})) if found else ()

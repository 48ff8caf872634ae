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


class Vocabulary:
    """Words that people use, and the one word that each of them means."""

    def __init__(self, words: Mapping[str, Iterable[str]]) -> None:
        """Take each meaning with its synonyms; a meaning is a synonym of itself."""
        self._meaning = {
            fold(word): meaning for meaning, others in words.items() for word in (meaning, *others)
        }
        longest_first = sorted(self._meaning, key=lambda word: (-len(word), word))
        self._pattern = re.compile(r"\b(?:" + "|".join(map(re.escape, longest_first)) + r")\b")

    def find(self, text: str) -> tuple[str, ...]:
        """The meanings that occur in a text, sorted, each once; the longest synonym wins where two overlap."""
        found = self._pattern.findall(fold(text))
        return tuple(sorted({self._meaning[word] for word in found})) if found else ()

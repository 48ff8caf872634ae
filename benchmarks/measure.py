"""Measuring side by side: the variants take turns, so that a machine that slows down slows all of them."""

import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class Sample:
    """The seconds that a variant took, in the order of its turns."""

    seconds: Sequence[float]

    @property
    def median(self) -> float:
        """The middle of the seconds."""
        return statistics.median(self.seconds)

    @property
    def spread(self) -> tuple[float, float]:
        """The shortest and the longest."""
        return min(self.seconds), max(self.seconds)


def take_turns(variants: Mapping[str, Callable[[], object]], *, rounds: int) -> dict[str, Sample]:
    """Time each variant once a round, A B C A B C ..., after one round that does not count.

    Args:
        variants: name to what is timed.
        rounds: how many counted rounds.
    """
    taken: dict[str, list[float]] = {name: [] for name in variants}
    for round_number in range(rounds + 1):
        for name, variant in variants.items():
            began = time.perf_counter()
            variant()
            if round_number:
                taken[name].append(time.perf_counter() - began)
    return {name: Sample(seconds) for name, seconds in taken.items()}


def ratio(ours: Sample, theirs: Sample) -> float:
    """Ours to theirs, by medians: below 1 is faster."""
    return ours.median / theirs.median


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def machine() -> str:
    """One line about what the figures were measured on."""
    memory = psutil.virtual_memory().total / 2**30
    return f"Python {platform.python_version()}, {psutil.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}"

"""How well duplicates are told from different events: precision and recall on the labelled pairs.

The pairs were written by hand in the shapes that the sources have; the rules were tuned with those of `duplicates` and
`later` in sight. Each further set was committed before it was measured, and `UNSEEN` keeps what that first gave: since
then its errors have been looked at. Each pair goes the way of every sighting: normalised, blocked, compared, clustered.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path

from app.pipeline.event import Sighting
from app.pipeline.seen import Seen, identity_of
from app.pipeline.stages.deduplicate import group
from app.pipeline.stages.normalise import drafts_of

_DATA = Path(__file__).parent / "data"
SETS = ("duplicates", "later", "heldout", "fresh", "unseen", "control", "blind", "verdict", "closing")
UNSEEN = {
    "later": (0.857, 0.900),
    "heldout": (0.912, 0.669),
    "fresh": (0.864, 0.560),
    "unseen": (0.973, 0.956),
    "control": (0.944, 0.971),
    "blind": (1.000, 0.807),
    "verdict": (1.000, 0.760),
    "closing": (1.000, 0.920),
}
"""Precision and recall when nobody had seen a set's errors, with the rules of that day."""
_NOW = datetime(2026, 6, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two sightings, and whether they are of one event."""

    same: bool
    kind: str
    one: Sighting
    other: Sighting


def pairs(name: str = "duplicates") -> list[Pair]:
    """The labelled pairs of one of the `SETS`."""
    lines = (_DATA / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return [_pair(line) for line in lines if line.startswith(("=", "!"))]


def found_same(pair: Pair) -> bool:
    """Whether the pipeline makes one event of a pair."""
    drafts = drafts_of(
        Seen(str(number), identity_of(said), _NOW, live=True, said=said)
        for number, said in enumerate((pair.one, pair.other))
    )
    days: dict[date, list[object]] = {}
    for draft in drafts:
        days.setdefault(draft.start_date, []).append(draft)
    return len(days) == 1 and len(group(drafts)) == 1


def precision_and_recall(labelled: Sequence[Pair]) -> tuple[float, float, list[Pair]]:
    """Of labelled pairs; and those that were judged wrong."""
    judged = [(pair, found_same(pair)) for pair in labelled]
    right = sum(pair.same and found for pair, found in judged)
    claimed, true = sum(found for _, found in judged), sum(pair.same for pair, _ in judged)
    return right / claimed, right / true, [pair for pair, found in judged if found != pair.same]


def main() -> None:
    """Print both for either set, by kind of pair, and every pair that is judged wrong."""
    for name in SETS:
        labelled = pairs(name)
        precision, recall, wrong = precision_and_recall(labelled)
        print(f"{name}: {len(labelled)} pairs, {sum(pair.same for pair in labelled)} of them duplicates;")
        print(f"precision {precision:.3f}, recall {recall:.3f}, without a language model\n")
        if name in UNSEEN:
            print("before its errors were seen: precision {:.3f}, recall {:.3f}\n".format(*UNSEEN[name]))
        missed = Counter(pair.kind for pair in wrong)
        print("| kind | pairs | wrong |\n|---|---:|---:|")
        for kind, count in Counter(pair.kind for pair in labelled).items():
            print(f"| {kind} | {count} | {missed[kind]} |")
        for pair in wrong:
            label = "missed" if pair.same else "wrongly merged"
            print(f"{label} ({pair.kind}): {pair.one.name!r} | {pair.other.name!r}")
        print()


def _pair(line: str) -> Pair:
    label, rest = line[0], line[1:]
    left, right = rest.split("||")
    kind, *one = [field.strip() for field in left.split("|")]
    other = [field.strip() for field in right.split("|")]
    other = [mine or yours for mine, yours in zip(other + [""] * (4 - len(other)), one, strict=True)]
    sources = ("calendar", "calendar" if kind.startswith("one-source") else "export")
    return Pair(label == "=", kind, _sighting(sources[0], one), _sighting(sources[1], other))


def _sighting(source: str, fields: list[str]) -> Sighting:
    name, when, where, page = ("" if field == "-" else field for field in fields)
    day, _, clock = when.partition(" ")
    return Sighting(
        source=source,
        kind="csv",
        place=f"{source}.csv",
        reference=" ".join(fields),
        name=name,
        start_date=date.fromisoformat(day),
        start_time=time.fromisoformat(clock) if clock else None,
        location=where,
        url=page,
    )

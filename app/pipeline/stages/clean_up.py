"""Clean up: the rules of `clean_up.toml` say which drafts are not published, and why."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final

from app.pipeline.draft import Draft
from app.pipeline.links import host_of
from app.pipeline.stage import Context, Work
from app.pipeline.text import fold
from app.pipeline.vocabulary import load

Test = Callable[[Draft], bool]


@dataclass(frozen=True, slots=True)
class Rule:
    """One reason not to publish.

    Attributes:
        name: shown beside its count.
        reason: the end of the sentence "not published: ...".
        applies: whether it takes a draft out.
    """

    name: str
    reason: str
    applies: Test


def run(work: Work, context: Context) -> dict[str, int]:
    """Take out what a rule names; the first that applies counts."""
    rules = rules_at(context.now)
    counts = dict.fromkeys(("kept", *(rule.name for rule in rules)), 0)
    for draft in work.in_play():
        if not draft.live:
            continue
        broken = next((rule for rule in rules if rule.applies(draft)), None)
        if broken is not None:
            draft.drop(broken.name, broken.reason)
        counts[broken.name if broken else "kept"] += 1
    return counts


def rules_at(now: datetime) -> list[Rule]:
    """The rules of the data file, for a run of that moment."""
    return [
        Rule(
            entry["name"],
            entry["reason"],
            _TESTS[entry["test"]](
                now, {k: v for k, v in entry.items() if k not in ("name", "reason", "test")}
            ),
        )
        for entry in load("clean_up")["rule"]
    ]


def _ended_days_ago(now: datetime, given: Mapping[str, Any]) -> Test:
    limit = _midnight(now) - timedelta(days=given["days"])
    last_day = limit.date()

    def applies(draft: Draft) -> bool:
        if draft.end_date is not None and draft.ends_at is None:
            return draft.end_date < last_day
        return (draft.ends_at or draft.starts_at) < limit

    return applies


def _starts_in_days(now: datetime, given: Mapping[str, Any]) -> Test:
    limit = _midnight(now) + timedelta(days=given["days"])
    return lambda draft: draft.starts_at >= limit


def _elsewhere(_: datetime, given: Mapping[str, Any]) -> Test:
    regions, countries = frozenset(given["regions"]), frozenset(given["countries"])

    def applies(draft: Draft) -> bool:
        venue = draft.venue
        if venue is None:
            return False
        if venue.region:
            return venue.region not in regions
        return venue.country is not None and venue.country not in countries

    return applies


def _venue_named(_: datetime, given: Mapping[str, Any]) -> Test:
    names = frozenset(map(fold, given["names"]))
    return lambda draft: draft.venue is not None and fold(draft.venue.name) in names


def _host(_: datetime, given: Mapping[str, Any]) -> Test:
    domains = frozenset(given["domains"])
    endings = tuple(f".{domain}" for domain in domains)

    def applies(draft: Draft) -> bool:
        if draft.url is None:
            return False
        host = host_of(draft.url)
        return host in domains or host.endswith(endings)

    return applies


def _midnight(now: datetime) -> datetime:
    # Whole days, so that a second run on the same day decides the same.
    return datetime.combine(now.astimezone(UTC).date(), time(), UTC)


_TESTS: Final[Mapping[str, Callable[[datetime, Mapping[str, Any]], Test]]] = {
    "ended_days_ago": _ended_days_ago,
    "starts_in_days": _starts_in_days,
    "elsewhere": _elsewhere,
    "venue_named": _venue_named,
    "host": _host,
}

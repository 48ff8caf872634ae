"""Relevance: is it a social dance event? The vocabulary of `relevance.toml` answers first."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from app.pipeline.draft import Draft, Event, listing
from app.pipeline.questions import Question, Topic
from app.pipeline.stage import Context, Work, ask
from app.pipeline.text import fold
from app.pipeline.vocabulary import Phrases, load


@dataclass(frozen=True, slots=True)
class Rule:
    """Words that tell whether an event is one of ours.

    Attributes:
        name: shown beside its count.
        relevant: what the words tell.
        reason: why, for people.
        words: any of them is enough.
    """

    name: str
    relevant: bool
    reason: str
    words: Phrases


_RULES: Final = tuple(
    Rule(entry["name"], entry["relevant"], entry["reason"], Phrases([entry["name"], *entry["words"]]))
    for entry in load("relevance")["rule"]
)
_ANY: Final = Phrases(
    word for entry in load("relevance")["rule"] for word in (entry["name"], *entry["words"])
)


def run(work: Work, context: Context) -> dict[str, int]:
    """Take out the events that are not about social dancing; what nobody can tell is published."""
    counts = {"relevant": 0, "open": 0} | {rule.name: 0 for rule in _RULES if not rule.relevant}
    kept: list[Event] = []
    unclear: list[Event] = []
    for event in work.events:
        rule = decide(event.facts)
        if rule is None:
            unclear.append(event)
        elif rule.relevant:
            counts["relevant"] += 1
            kept.append(event)
        else:
            counts[rule.name] += 1
            event.withdraw(rule.name, rule.reason)
    counts |= _judge(unclear, kept, work, context)
    work.events = kept
    return counts


def _judge(unclear: list[Event], kept: list[Event], work: Work, context: Context) -> dict[str, int]:
    """Ask the language model about events that the rules leave open; what it doesn't answer stays in."""
    questions = {event.key: Question.about(Topic.RELEVANCE, listing(event.facts)) for event in unclear}
    judged = ask("relevance", questions.values(), work, context)
    open_still = dropped = 0
    for event in unclear:
        answer = judged.answers.get(questions[event.key]) if judged else None
        if answer is not None and not answer.yes:
            event.withdraw("judged irrelevant", f"the language model says: {answer.why}")
            dropped += 1
        else:
            kept.append(event)
            open_still += answer is None
    return {"open": open_still, "judged irrelevant": dropped, "asked": judged.asked if judged else 0}


def decide(facts: Draft) -> Rule | None:
    """The rule that answers for an event; None when it stays open.

    The name is asked first, then what the source calls the event: a description mentions too much.
    """
    return _decide(facts.name, bool(facts.dance_styles), facts.event_type)


@lru_cache(maxsize=100_000)
def _decide(name: str, has_styles: bool, event_type: str) -> Rule | None:  # noqa: FBT001 - a cache's key
    folded = fold(name)
    if _ANY.find(folded):
        return next(rule for rule in _RULES if rule.words.find(folded))
    if has_styles and event_type != "performance":
        return _STYLED
    return None


_STYLED: Final = Rule("social dancing", True, "it names a social dance style", Phrases(()))  # noqa: FBT003 - a rule of the file's form

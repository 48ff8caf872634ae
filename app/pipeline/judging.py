"""The grey zone: a language model is asked, and its answers are remembered. Imported only when one is configured."""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from openai import AsyncOpenAI
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from app.database import tables
from app.pipeline.questions import INSTRUCTIONS, Answer, Endpoint, Judged, Question, Topic
from app.pipeline.working import Working

logger = logging.getLogger(__name__)

_AT_ONCE: Final = 8
_FAILURES_IN_A_ROW: Final = 5
"""After so many the model is left alone for this run."""
_LONGEST_ANSWER: Final = 300
"""Tokens."""


class LanguageModel:
    """Answers questions from memory first, then from the model, within a run's budget."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._model = endpoint.model
        self._endpoint = endpoint
        self._left = endpoint.budget

    @property
    def model(self) -> str:
        """The model's name."""
        return self._model

    def answer(self, questions: Iterable[Question], working: Working, now: datetime) -> Judged:
        """See `Judge`; the model is asked in the order of the questions' keys, so that a budget cuts the same."""
        by_key = {question.key(self.model): question for question in questions}
        answers = self._remembered(by_key, working)
        wanted = sorted(by_key.keys() - answers.keys())
        to_ask, over_budget = wanted[: self._left], len(wanted[self._left :])
        asking = _Asking(self._endpoint, working, now)
        if to_ask:
            asyncio.run(asking.ask_all([(key, by_key[key]) for key in to_ask]))
        self._left -= asking.calls
        answers |= asking.answers
        return Judged(
            {by_key[key]: answer for key, answer in answers.items()},
            asking.calls,
            asking.failure,
            over_budget,
        )

    @staticmethod
    def _remembered(by_key: Mapping[str, Question], working: Working) -> dict[str, Answer]:
        told = tables.judgements.c
        asked = select(told.key, told.answer).where(told.key.in_(by_key.keys()))
        return working.read(
            lambda transaction: {
                row.key: Answer.model_validate(row.answer) for row in transaction.select(asked)
            }
        )


class _Asking:
    """One round of calls."""

    def __init__(self, endpoint: Endpoint, working: Working, now: datetime) -> None:
        self._endpoint = endpoint
        self._working = working
        self._now = now
        self.answers: dict[str, Answer] = {}
        self.calls = 0
        self.failure = ""
        self._failed_in_a_row = 0

    async def ask_all(self, questions: Sequence[tuple[str, Question]]) -> None:
        """Ask them a few at a time, keeping each batch's answers at once: they were paid for."""
        client = AsyncOpenAI(
            base_url=self._endpoint.url, api_key=self._endpoint.key or "none", timeout=self._endpoint.timeout,
            max_retries=2,
        )  # fmt: skip
        async with client:
            model = OpenAIChatModel(self._endpoint.model, provider=OpenAIProvider(openai_client=client))
            agents = {topic: _agent(model, topic) for topic in Topic}
            for start in range(0, len(questions), _AT_ONCE):
                batch = questions[start : start + _AT_ONCE]
                found = await asyncio.gather(*(self._ask(agents[asked.topic], asked) for _, asked in batch))
                self._keep(
                    {
                        key: (asked, answer)
                        for (key, asked), answer in zip(batch, found, strict=True)
                        if answer
                    }
                )
                if self._failed_in_a_row >= _FAILURES_IN_A_ROW:
                    return

    async def _ask(self, agent: Agent[None, Answer], question: Question) -> Answer | None:
        self.calls += 1
        try:
            result = await agent.run(question.content)
        except Exception as error:
            logger.debug("language model", exc_info=error)
            self._failed_in_a_row += 1
            self.failure = f"the language model {self._endpoint.model} failed: {_told(error)}"
            return None
        self._failed_in_a_row = 0
        return result.output

    def _keep(self, found: Mapping[str, tuple[Question, Answer]]) -> None:
        if not found:
            return
        kept = insert(tables.judgements).values(
            [
                {
                    "key": key, "question": question.topic, "model": self._endpoint.model,
                    "answer": answer.model_dump(), "asked_at": self._now,
                }
                for key, (question, answer) in found.items()
            ]
        )  # fmt: skip
        self._working.write(lambda transaction: transaction.execute(kept.on_conflict_do_nothing()).close())
        self.answers |= {key: answer for key, (_, answer) in found.items()}


def _agent(model: OpenAIChatModel, topic: Topic) -> Agent[None, Answer]:
    return Agent(
        model,
        output_type=Answer,
        instructions=INSTRUCTIONS[topic],
        retries=1,
        model_settings={"temperature": 0.0, "max_tokens": _LONGEST_ANSWER},
    )


def _told(error: Exception) -> str:
    """What went wrong in one line, without what the endpoint sent back: it may echo anything."""
    status = getattr(error, "status_code", None)
    return f"{type(error).__name__}" + (f" {status}" if status else "")

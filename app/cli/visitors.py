"""Visitors of a running web service who ask for its events without a pause, to see what they are answered."""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

_PATIENCE: Final = 120.0
"""Seconds to wait for an answer."""


@dataclass
class Visitors:
    """What visitors were answered.

    Attributes:
        address: of the service.
        first: the first day that they ask for; None is today.
        states: how often each state of the events was seen: what was said of every one, so that half of one
            state and half of another are a third.
        errors: what was no answer with events.
    """

    address: str
    first: str | None = None
    states: Counter[frozenset[str]] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)

    @contextmanager
    def asking(self, visitors: int = 3) -> Iterator[None]:
        """They ask until the block ends."""
        stop = threading.Event()
        threads = [threading.Thread(target=self._ask_until, args=(stop,)) for _ in range(visitors)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    def _ask_until(self, stop: threading.Event) -> None:
        with httpx.Client(timeout=_PATIENCE) as client:
            while not stop.is_set():
                self._ask(client)

    def _ask(self, client: httpx.Client) -> None:
        question = {"limit": "200"} | ({"from": self.first} if self.first else {})
        try:
            answer = client.get(f"{self.address}/api/events", params=question)
        except httpx.HTTPError as error:
            self.errors.append(repr(error))
            return
        if answer.is_success:
            self.states[frozenset(_said(event) for event in answer.json()["events"])] += 1
        else:
            self.errors.append(f"{answer.status_code} {answer.text}")


def _said(event: Mapping[str, Any]) -> str:
    name = f"{event['key']} {event['name']}"  # the key too: what is weekly has one name for all of its nights
    return f"{name} (cancelled)" if event["cancelled"] else name

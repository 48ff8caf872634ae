"""The rehearsal: all four modes as Render would run them, in processes of their own, under load."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import httpx
from rich.console import Console

from app.cli.visitors import Visitors
from app.database.embedded import free_port
from app.database.sandbox import Sandbox
from app.errors import AppError
from settings.child import child_environment

_VISITORS: Final = 4
_DEADLINE: Final = 120.0
"""Seconds for any one step."""
_REFUSED: Final = 77
_RENDER: Final = {"RENDER": "true", "RENDER_INSTANCE_ID": "rehearsal", "IS_PULL_REQUEST": "false"}


class SurpriseError(AppError):
    """The rehearsal went otherwise than Render should. The step above is the one to look at."""


@dataclass(frozen=True)
class Rehearsal:
    """One rehearsal in a running, prepared sandbox."""

    sandbox: Sandbox
    console: Console

    def play(self) -> None:
        """Play all modes.

        Raises:
            SurpriseError: a step went otherwise than it should.
        """
        variables = self.sandbox.variables()
        laptop = {**variables, "DATABASE_TARGET": "", "PROMOTE_TO": self.sandbox.production_stamp()}
        dev = {**laptop, "DATABASE_TARGET": "render_dev"}
        cron = {**_on_render(dev), "RENDER_SERVICE_TYPE": "cron"}
        web = {**_on_render(variables), "DATABASE_TARGET": "render_prod", "RENDER_SERVICE_TYPE": "web"}
        self._step("mode 3  the cron job fills dev and publishes", lambda: _dance(cron, 0))
        with _serving(web) as address, httpx.Client(base_url=address, timeout=_DEADLINE) as client:
            before = _events(client)
            self._step(f"mode 4  the web service shows {len(before)} events", lambda: None)
            visitors = Visitors(address)
            with visitors.asking(_VISITORS):
                reported = before[0]["key"]
                self._step("        a visitor reports a cancellation", lambda: _report(client, reported))
                self._step("mode 3  the cron job runs again, under load", lambda: _dance(cron, 0))
                self._step("        the cancelled event is gone", lambda: _gone(client, reported))
                self._step("mode 2  a laptop runs on dev: nothing is new", lambda: _dance(dev, 0))
                self._step("mode 1  a laptop runs on its own database", lambda: _dance(laptop, 0))
            self._step("        what visitors saw", lambda: _seen(visitors))
            self._step("        operators see both promotions and their runs", lambda: _shown(client))
            self.console.print(
                f"          {visitors.states.total()} answers, states seen: {len(visitors.states)}"
            )
            doubted = next(event["key"] for event in _events(client) if not event["cancelled"])
            self._step("        a visitor reports another cancellation", lambda: _report(client, doubted))
            careless = {**cron, "PROMOTE_TO": ""}
            self._step("refused: to publish it without consent", lambda: _dance(careless, _REFUSED))
            self._step("        the event is still shown", lambda: _still_there(client, doubted))
        forgetful = {**cron, "DATABASE_TARGET": ""}
        self._step("refused: the pipeline on Render without a target", lambda: _dance(forgetful, _REFUSED))
        self.console.print("The rehearsal went as Render should.")

    def _step(self, what: str, act: Callable[[], None]) -> None:
        began = time.perf_counter()
        try:
            act()
        except SurpriseError:
            self.console.print(f"[red]✗[/red] {what}")
            raise
        self.console.print(f"[green]✓[/green] {what} ({time.perf_counter() - began:.1f} s)")


def _on_render(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables as Render sets them: internal names beside the external ones."""
    return {
        **variables,
        **_RENDER,
        "RENDER_DEV_INTERNAL_DB_URL": variables["RENDER_DEV_EXTERNAL_DB_URL"],
        "RENDER_INTERNAL_DB_URL": variables["RENDER_EXTERNAL_DB_URL"],
        "DATABASE_CONNECTION_STRING": "",
    }


def _dance(variables: Mapping[str, str], expected: int) -> None:
    """Run the pipeline with its promotion in a process of its own."""
    command = [sys.executable, "-m", "app", "pipeline", "--promote"]
    done = subprocess.run(  # noqa: S603 - this very program
        command,
        env=child_environment(variables),
        capture_output=True,
        text=True,
        timeout=_DEADLINE,
        check=False,
    )
    if done.returncode != expected:
        raise SurpriseError(
            f"exit status {done.returncode} instead of {expected}:\n{done.stdout}{done.stderr}"
        )


@contextmanager
def _serving(variables: Mapping[str, str]) -> Iterator[str]:
    """The web service, from the moment it is ready; yields its address."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    environment = child_environment({**variables, "PORT": str(port), "WEB_HOST": "127.0.0.1"})
    service = subprocess.Popen([sys.executable, "-m", "app", "serve"], env=environment)
    try:
        _wait_until_ready(service, address)
        yield address
    finally:
        service.terminate()
        service.wait(_DEADLINE)


def _wait_until_ready(service: subprocess.Popen[bytes], address: str) -> None:
    deadline = time.monotonic() + _DEADLINE
    while time.monotonic() < deadline and service.poll() is None:
        try:
            if httpx.get(f"{address}/readyz", timeout=_DEADLINE).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise SurpriseError("The web service did not get ready; what it said is above.")


def _events(client: httpx.Client) -> list[dict[str, Any]]:
    answer = client.get("/api/events", params={"limit": 200})
    if not answer.is_success or not answer.json()["events"]:
        raise SurpriseError(f"The web service answered {answer.status_code} and showed no events.")
    events: list[dict[str, Any]] = answer.json()["events"]
    return events


def _report(client: httpx.Client, key: str) -> None:
    answer = client.post(
        f"/api/events/{key}/reports", json={"kind": "cancelled", "message": "The hall is closed."}
    )
    if answer.status_code != httpx.codes.CREATED:
        raise SurpriseError(f"The report was answered with {answer.status_code}: {answer.text}")


def _takes_place(client: httpx.Client, key: str) -> bool:
    return any(event["key"] == key and not event["cancelled"] for event in _events(client))


def _gone(client: httpx.Client, key: str) -> None:
    if _takes_place(client, key):
        raise SurpriseError(f"{key} was reported as cancelled and is still shown.")


def _still_there(client: httpx.Client, key: str) -> None:
    if not _takes_place(client, key):
        raise SurpriseError(f"{key} is gone from production although nobody consented.")


def _shown(client: httpx.Client) -> None:
    """The status page, open on this machine, has the cron job's promotions, each with the run that it brought."""
    page = client.get("/status").text
    for number in (1, 2):
        if f'href="#promotion-{number}"' not in page:
            raise SurpriseError(f"The status page does not show the run of promotion {number}.")


def _seen(visitors: Visitors) -> None:
    """Nobody met an error, and nobody saw more than the two states that there were."""
    if visitors.errors or not visitors.states:
        raise SurpriseError(f"Visitors met {len(visitors.errors)} errors, first: {visitors.errors[:3]}.")
    if len(visitors.states) > 2:  # noqa: PLR2004 - before and after the cancellation
        raise SurpriseError(f"Visitors saw {len(visitors.states)} states of the events where there were two.")

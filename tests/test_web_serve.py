"""`dance serve` as Render runs it: a process of its own that starts, answers, says what is wrong, and goes."""

import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import httpx
import pytest

from app.database.embedded import free_port
from app.web.filters import When
from tests.commands import DEADLINE, PROJECT, dance, environment
from tests.postgres import Trio
from tests.web import an_event, publish, service


def test_serve_answers_until_it_is_told_to_go(trio: Trio, tmp_path: Path) -> None:
    """It says where it listens and which database it serves, and ends on SIGTERM without a traceback."""
    publish(trio, an_event("one"))
    port = free_port()
    variables = environment(trio.environ(4) | {"PORT": str(port)}, tmp_path) | {"PYTHONPATH": str(PROJECT)}
    with subprocess.Popen(
        [sys.executable, "-m", "app", "serve"], env=variables, cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            answer = _first_answer(f"http://127.0.0.1:{port}/api/events/one", process)
            assert answer.json()["name"] == "Night one"
        finally:
            process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=DEADLINE)
    assert process.returncode in (0, -signal.SIGTERM)
    assert f"http://127.0.0.1:{port}" in said
    assert "render_prod (explicit)" in said
    assert "Traceback" not in said
    assert trio.server.password not in said


def _first_answer(url: str, process: "subprocess.Popen[str]") -> httpx.Response:
    deadline = time.monotonic() + DEADLINE
    while True:
        try:
            return httpx.get(url)
        except httpx.ConnectError:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_serve_stops_at_once_when_it_is_configured_wrongly(tmp_path: Path) -> None:
    """Exit status 78 and every problem, before anything listens."""
    done = dance("serve", variables={"DATABASE_TARGET": "moon", "WEB_TIME_ZONE": "Moon/Sea"}, cwd=tmp_path)
    assert done.returncode == 78
    assert "DATABASE_TARGET" in done.stderr
    assert "WEB_TIME_ZONE" in done.stderr


def test_a_fault_of_ours_is_a_problem_without_details(trio: Trio) -> None:
    """An unexpected error is a 500 that tells strangers nothing, and has the security headers."""
    with service(trio) as client:
        del client.app.state.service  # type: ignore[attr-defined]  # an application, whatever its type says
        answer = client.get("/api/events")
    assert answer.status_code == 500
    assert answer.json()["detail"] == "This is our fault; it is in the log."
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("today", "first", "last"),
    [
        ("2026-11-23", "2026-11-27", "2026-11-29"),  # Monday
        ("2026-11-26", "2026-11-27", "2026-11-29"),  # Thursday
        ("2026-11-27", "2026-11-27", "2026-11-29"),  # Friday
        ("2026-11-28", "2026-11-28", "2026-11-29"),  # Saturday
        ("2026-11-29", "2026-11-29", "2026-11-29"),  # Sunday
    ],
)
def test_this_weekend_is_what_is_left_of_friday_to_sunday(today: str, first: str, last: str) -> None:
    """Whatever day it is, the weekend that is meant is the one of this week."""
    days = When.WEEKEND.days(date.fromisoformat(today))
    assert days == (date.fromisoformat(first), date.fromisoformat(last))

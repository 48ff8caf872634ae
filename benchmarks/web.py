"""The web service against a bare FastAPI handler with the same SQL, and during promotions.

Both run in processes of their own under uvicorn, over the same 100,000 events, and are asked in turns.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import httpx
from sqlalchemy.dialects import postgresql

from app.database.embedded import free_port
from app.web.filters import EventFilters
from app.web.listing import page_of_events
from benchmarks.measure import table
from settings.child import child_environment
from tests.postgres import Servers, Trio
from tests.promoting import scene
from tests.web import today

EVENTS: Final = 100_000
VISITORS: Final = 4
SECONDS: Final = 4.0
"""Of each turn."""
TURNS: Final = 5
PAGE: Final = 50
SEARCHED: Final = 20
"""Times that each search is asked."""

_FILL: Final = f"""INSERT INTO venues (key, name, city, latitude, longitude)
SELECT 'v' || i, 'Hall ' || i, 'City ' || i % 20, 48 + i % 100 / 100.0, -123 - i % 90 / 100.0
FROM generate_series(1, 500) AS i;
INSERT INTO events (key, name, description, starts_at, time_zone, local_start_date, local_start_time,
  local_end_date, local_end_time, venue_key, event_type, dance_styles, source, url)
SELECT md5(i::text), 'Evening ' || i || CASE WHEN i % 1000 = 0 THEN ' solstice' ELSE '' END
    || CASE WHEN i % 20 = 0 THEN ' lindy' ELSE '' END || CASE WHEN day > current_date + 330 THEN ' jubilee' ELSE '' END, repeat('Social dancing after a lesson. ', 8), day + interval '28 hours', 'America/Vancouver',
  day::date, '20:00', day::date, '23:00', 'v' || 1 + i % 500, 'social dance', ARRAY[(ARRAY['salsa','tango','swing'])[1 + i % 3]],
  'benchmark', 'https://dances.example/' || i
FROM generate_series(1, {EVENTS}) AS i, LATERAL (SELECT current_date - 100 + (i % 465) * interval '1 day' AS day) AS at;
ANALYZE venues; ANALYZE events;"""

SEARCHES: Final = {
    "none has it": "quasar",
    "one in 1,000": "solstice",
    "one in 20": "lindy",
    "one in 3, a style": "tango",
    "only in the last month": "jubilee",
    "every one": "evening",
    "every one, by its venue": "hall",
    "a stop word, every one": "a",
    "three words that every one has": "evening dancing hall",
    "a phrase that every one has": '"social dancing"',
    "every one, without a rare one": "evening -solstice",
    "none: without one that all have": "-evening",
}
"""Words by how many events have them."""

_BARE: Final = '''"""A bare handler: one connection for each thread, one statement, rows as they come."""
import sys
import threading
import psycopg2
import psycopg2.extras
import uvicorn
from fastapi import FastAPI

url, port = sys.argv[1], int(sys.argv[2])
statement = sys.stdin.read()
local = threading.local()
application = FastAPI()


@application.get("/api/events")
def events():
    if not hasattr(local, "connection"):
        local.connection = psycopg2.connect(url)
    with local.connection, local.connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
        cursor.execute(statement)
        return {"events": cursor.fetchall(), "next": None}


uvicorn.run(application, port=port, log_level="error")
'''


def main() -> None:
    """Measure and print."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        servers = Servers(Path(directory))
        try:
            with servers.trio(18) as trio:
                trio.query("local", _FILL)
                _measure(trio)
        finally:
            servers.stop()


def _measure(trio: Trio) -> None:
    with scene(trio) as here:
        here.promote()
        trio.query("render_prod", "ANALYZE venues; ANALYZE events")
        with _ours(trio) as ours, _bare(trio) as bare:
            calm: dict[str, list[list[float]]] = {"dance serve": [], "bare FastAPI + psycopg2": []}
            for _ in range(TURNS):
                calm["dance serve"].append(_load(ours))
                calm["bare FastAPI + psycopg2"].append(_load(bare))
            conditional = _load(ours, etag=httpx.get(f"{ours}/api/events?limit={PAGE}").headers["etag"])
            words = [(what, *_search(ours, words)) for what, words in SEARCHES.items()]
            with ThreadPoolExecutor(1) as promoter:
                stirring = _load_during(promoter, ours, here.working, here.promote)
    rows = [_row(name, turns, calm["bare FastAPI + psycopg2"]) for name, turns in calm.items()]
    rows.append(_row("dance serve, unchanged (304)", [conditional], calm["bare FastAPI + psycopg2"]))
    rows.append(_row("dance serve, during promotions", [stirring], calm["bare FastAPI + psycopg2"]))
    print(f"`GET /api/events`, {PAGE} of {EVENTS:,} events, {VISITORS} visitors at once:\n")
    print(table(("service", "requests/s", "to bare", "p50 ms", "p99 ms"), rows))
    slower = _p99(stirring) / _p99(_flat(calm["dance serve"]))
    print(f"\np99 during promotions to p99 before: {slower:.2f}")
    print(f"\n`GET /api/events?q=...`, {PAGE} of {EVENTS:,} events, one visitor:\n")
    print(table(("how many have the words", "words", "found", "median ms", "slowest ms"), words))


def _load_during(promoter: ThreadPoolExecutor, address: str, change: object, promote: object) -> list[float]:
    assert callable(change)
    assert callable(promote)

    def promote_for_a_while() -> None:
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            change("UPDATE events SET name = name || '.' WHERE left(key, 2) = 'a0'")
            promote()

    promoting = promoter.submit(promote_for_a_while)
    taken = _load(address)
    promoting.result()
    return taken


def _load(address: str, *, etag: str | None = None) -> list[float]:
    """The seconds of each answer that several visitors got in one turn."""
    end = time.monotonic() + SECONDS
    headers = {"If-None-Match": etag} if etag else {}

    def visit(_: int) -> list[float]:
        taken = []
        with httpx.Client(headers=headers) as client:
            while time.monotonic() < end:
                began = time.perf_counter()
                answer = client.get(f"{address}/api/events?limit={PAGE}")
                taken.append(time.perf_counter() - began)
                assert answer.status_code == (304 if etag else 200), answer.status_code
        return taken

    with ThreadPoolExecutor(VISITORS) as visitors:
        return [seconds for taken in visitors.map(visit, range(VISITORS)) for seconds in taken]


def _search(address: str, words: str) -> tuple[str, ...]:
    """One visitor's search: what was found, and how long it took."""
    taken = []
    question = {"q": words, "limit": str(PAGE)}
    with httpx.Client() as client:
        first = client.get(f"{address}/api/events", params=question).json()
        for _ in range(SEARCHED):
            began = time.perf_counter()
            answer = client.get(f"{address}/api/events", params=question)
            taken.append(time.perf_counter() - began)
            assert answer.json() == first
    found = f"{len(first['events'])}{'+' if first['next'] else ''}"
    return f"`{words}`", found, f"{statistics.median(taken) * 1000:.0f}", f"{max(taken) * 1000:.0f}"


def _row(name: str, turns: list[list[float]], peer: list[list[float]]) -> tuple[str, ...]:
    rate = statistics.median(len(turn) / SECONDS for turn in turns)
    bare = statistics.median(len(turn) / SECONDS for turn in peer)
    taken = _flat(turns)
    p50 = f"{statistics.median(taken) * 1000:.1f}"
    return name, f"{rate:.0f}", f"{rate / bare:.2f}", p50, f"{_p99(taken) * 1000:.1f}"


def _flat(turns: list[list[float]]) -> list[float]:
    return [seconds for turn in turns for seconds in turn]


def _p99(taken: list[float]) -> float:
    return statistics.quantiles(taken, n=100)[98]


@contextmanager
def _ours(trio: Trio) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "app", "serve", "--port", str(port)]
    with _running(command, child_environment(trio.environ(4)), port) as address:
        yield address


@contextmanager
def _bare(trio: Trio) -> Iterator[str]:
    port = free_port()
    statement = page_of_events(EventFilters().starting(today()), None, PAGE + 1)
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy has no types here
    said = str(statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
    command = [sys.executable, "-c", _BARE, trio.render_prod, str(port)]
    with _running(command, child_environment({}), port, said.replace("%%", "%")) as address:
        yield address


@contextmanager
def _running(command: list[str], variables: dict[str, str], port: int, said: str = "") -> Iterator[str]:
    address = f"http://127.0.0.1:{port}"
    with subprocess.Popen(
        command, env=variables, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdin is not None
        process.stdin.write(said)
        process.stdin.close()
        try:
            while True:
                try:
                    httpx.get(f"{address}/api/events")
                    break
                except httpx.ConnectError:
                    assert process.poll() is None, command
                    time.sleep(0.1)
            yield address
        finally:
            process.terminate()

"""The operators' page and the health addresses: who may look, and what they say when things are bad."""

import re
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import insert

from app.database.tables import promotions, runs, stage_runs
from app.web.application import create_application
from app.web.charts import Change, bars_of
from settings import Settings
from tests.postgres import Servers, Trio
from tests.promoting import CHANGES, scene, seed_events
from tests.web import a_promotion, a_run, service, writing

pytestmark = pytest.mark.xdist_group("web-status")

TOKEN = "-".join(["status"] * 3)
ELSEWHERE = ("203.0.113.9", 4711)
HERE = ("127.0.0.1", 4711)


@pytest.fixture(scope="module")
def quiet(servers: Servers) -> Iterator[Trio]:
    """Databases that the tests only read."""
    with servers.trio(18) as trio:
        yield trio


def _visit(trio: Trio, client: tuple[str, int], mode: int = 4, **variables: str) -> TestClient:
    settings = Settings.from_environ(trio.environ(mode) | variables)
    return TestClient(create_application(settings), client=client)


def _basic(password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"operator:{password}".encode()).decode()}


def test_the_status_page_opens_here_or_with_the_token(quiet: Trio) -> None:
    """On this machine it is open; from elsewhere only the token opens it, as bearer or as a browser's password."""
    with _visit(quiet, HERE) as here:
        assert here.get("/status").status_code == 200
    with _visit(quiet, ELSEWHERE) as elsewhere:
        closed = elsewhere.get("/status")
        assert closed.status_code == 403
        assert "WEB_STATUS_TOKEN" in closed.json()["detail"]
    with _visit(quiet, ELSEWHERE, WEB_STATUS_TOKEN=TOKEN) as elsewhere:
        asked = elsewhere.get("/status")
        assert (asked.status_code, asked.headers["www-authenticate"]) == (401, 'Basic realm="status"')
        assert elsewhere.get("/status", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
        assert elsewhere.get("/status", headers=_basic(TOKEN)).status_code == 200
        for wrong in (_basic("guess"), {"Authorization": "Basic %%%"}, {"Authorization": f"Digest {TOKEN}"}):
            assert elsewhere.get("/status", headers=wrong).status_code == 401


def test_a_proxy_on_this_machine_opens_nothing(quiet: Trio) -> None:
    """A request that somebody forwarded comes from elsewhere, whatever its peer is."""
    with _visit(quiet, HERE) as here:
        assert here.get("/status", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 403
    with _visit(quiet, HERE, WEB_VISITOR_HEADER="CF-Connecting-IP") as here:
        assert here.get("/status").status_code == 403


def test_guessing_the_token_is_slowed_down(quiet: Trio) -> None:
    """After some wrong tokens there are no more tries."""
    with _visit(quiet, ELSEWHERE, WEB_STATUS_TOKEN=TOKEN, WEB_REPORT_LIMITS="3/minute") as elsewhere:
        answers = [elsewhere.get("/status", headers=_basic(f"guess {n}")).status_code for n in range(5)]
    assert answers == [401, 401, 401, 429, 429]


@pytest.mark.parametrize(
    ("mode", "word", "access"),
    [(1, "LOCAL", "read-write"), (2, "DEV", "read-write"), (4, "PRODUCTION", "read-write")],
)
def test_the_badge_says_where_one_is(quiet: Trio, mode: int, word: str, access: str) -> None:
    """The status page names the environment and what this process may do; visitors see it outside production."""
    with _visit(quiet, HERE, mode) as client:
        html = client.get("/status").text
        visitors = client.get("/").text
    assert f"<strong>{word}</strong>" in html
    assert access in html
    assert (f"<strong>{word}</strong>" in visitors) == (mode != 4)
    assert quiet.server.password not in html


def test_an_inferred_production_is_shown_as_read_only(quiet: Trio) -> None:
    """Nobody named the target: PRODUCTION, read-only, and the page says why reports are closed."""
    variables = {name: text for name, text in quiet.environ(4).items() if name != "DATABASE_TARGET"}
    with TestClient(create_application(Settings.from_environ(variables)), client=HERE) as client:
        html = client.get("/status").text
    assert "read-only" in html
    assert "nobody named its database" in html


def test_promotions_and_runs_are_listed(trio: Trio) -> None:
    """Who promoted what from where, how long it took, and how the stages of a run ended."""
    run = uuid4()
    with writing(trio, 1) as database, database.write() as transaction:
        transaction.execute(insert(runs), a_run(run, datetime.now(UTC)))
        for position, stage in enumerate(("collect", "store")):
            values = {"run_id": run, "stage": stage, "position": position, "outcome": "done"}
            transaction.execute(insert(stage_runs), values)
        transaction.execute(insert(promotions), a_promotion(who="grace", inserted=1234))
    with _visit(trio, HERE, 1) as client:
        html = client.get("/status").text
    for said in (
        "ada on laptop",
        "collect done",
        "store done",
        "90.0 s",
        "grace",
        "1,234",
        "local on laptop",
        "2.5 s",
    ):
        assert said in html, said


def test_production_shows_the_runs_that_reached_it(trio: Trio) -> None:
    """Each promotion brings the run that it publishes, with its stages; text in it stays text on the way."""
    hostile = "$promotion$ $promotion_$; DROP TABLE events; -- '\\ <b>"
    with scene(trio) as here:
        for number, change in enumerate((seed_events(20), CHANGES)):
            run = uuid4()
            here.working(change)
            with writing(trio, 1) as database, database.write() as transaction:
                ended = datetime.now(UTC) + timedelta(seconds=number)
                row = a_run(run, ended, who=f"ada {number}", detail={"failures": [hostile], "who": hostile})
                transaction.execute(insert(runs), row)
                counts = {"found": 1234 + number, "gone": 0}
                stage = {
                    "run_id": run,
                    "stage": "collect",
                    "position": 0,
                    "outcome": "done",
                    "counts": counts,
                }
                transaction.execute(insert(stage_runs), stage | {"finished_at": ended})
            here.promote()
        here.working("DELETE FROM events WHERE key = 'e11'")
        here.promote()
        kept = here.live("SELECT detail->>'who' FROM control.runs")
    assert kept == [hostile] * 2
    with _visit(trio, HERE) as client:
        html = client.get("/status").text
    for said in ("runs that were published", "ada 0 on laptop", "1,234 found", "1,235 found", "90.0 s"):
        assert said in html, said
    published = re.findall(r'href="#promotion-(\d)">promotion (\d)<', html)
    assert published == [("2", "2"), ("1", "1")]
    assert len(re.findall(r'href="#run-[0-9a-f-]{36}">', html)) == 3


def test_the_chart_has_a_bar_for_each_change() -> None:
    """Each row is drawn on its own scale and leaves out what did not happen."""
    when = datetime(2027, 1, 2, 3, 4, tzinfo=UTC)
    rows = bars_of([Change(when, 100, 0, 1), Change(when, 50, 0, 1)])
    assert [(row.name, row.most, len(row.bars)) for row in rows] == [
        ("inserted", 100, 2),
        ("updated", 0, 0),
        ("deleted", 1, 2),
    ]
    tall, low = rows[0].bars
    assert tall.height == pytest.approx(2 * low.height)
    assert tall.y + tall.height == low.y + low.height == 64
    assert tall.title == "2 Jan 2027 03:04: 100 inserted"


def test_the_process_lives_whether_or_not_the_database_does(quiet: Trio) -> None:
    """A database that is gone makes /readyz 503 and leaves /livez alone; pages and API say it in their own form."""
    gone = quiet.environ(4) | {
        "RENDER_EXTERNAL_DB_URL": quiet.render_prod + "_gone",
        "DATABASE_RETRY_FOR": "0.1",
    }
    with TestClient(create_application(Settings.from_environ(gone)), client=HERE) as client:
        assert client.get("/livez").json()["status"] == "alive"
        ready = client.get("/readyz")
        assert ready.status_code == 503
        assert ready.json() == {"status": "down"}
        problem = client.get("/api/events")
        assert problem.status_code == 503
        assert problem.headers["retry-after"]
        assert quiet.server.password not in problem.text
        assert "gone" not in problem.text
        page = client.get("/", headers={"Accept": "text/html"})
        assert page.status_code == 503
        assert "does not answer" in page.text
        status = client.get("/status")
        assert status.status_code == 200
        assert "It does not answer. Check that it runs" in status.text


def test_a_service_in_front_of_the_right_database_is_ready(quiet: Trio) -> None:
    """It answers, so it is ready; one whose URL leads to another environment is not."""
    with service(quiet) as client:
        assert client.get("/readyz").json() == {"status": "up"}
    swapped = quiet.environ(4) | {
        "RENDER_EXTERNAL_DB_URL": quiet.render_dev,
        "RENDER_DEV_EXTERNAL_DB_URL": "",
    }
    with TestClient(create_application(Settings.from_environ(swapped))) as client:
        assert client.get("/readyz").json() == {"status": "wrong database"}

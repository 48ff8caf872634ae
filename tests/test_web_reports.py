"""Reports of visitors: written to one table of production, by one mode, within limits."""

import pytest
from fastapi.testclient import TestClient

from app.web.application import create_application
from settings import Settings
from tests.postgres import Trio
from tests.web import an_event, publish, service

REPORT = {"kind": "cancelled", "message": "The hall says so."}


def test_a_report_reaches_production(any_trio: Trio) -> None:
    """It is stored with its event, and the visitor gets a receipt."""
    publish(any_trio, an_event("one"))
    with service(any_trio) as client:
        answer = client.post("/api/events/one/reports", json=REPORT)
    assert answer.status_code == 201
    assert answer.json()["event_key"] == "one"
    stored = any_trio.query("render_prod", "SELECT event_key, kind, message FROM event_reports")
    assert stored == ["one|cancelled|The hall says so."]


def test_the_form_leads_back_to_the_event(trio: Trio) -> None:
    """Without scripts: the form is sent, stored, and the event's page says thank you."""
    publish(trio, an_event("one"))
    with service(trio) as client:
        sent = client.post("/events/one/reports", data=REPORT)
        assert sent.history[0].status_code == 303
        assert "Thank you" in sent.text
    assert trio.query("render_prod", "SELECT count(*) FROM event_reports") == ["1"]


@pytest.mark.parametrize(
    ("mode", "changes", "why"),
    [
        (1, {}, "reads Local PostgreSQL"),
        (2, {}, "reads Render"),
        (4, {"DATABASE_TARGET": ""}, "nobody named its database"),
        (4, {"RENDER": ""}, "does not run on Render"),
    ],
)
def test_only_the_web_service_of_production_takes_reports(
    trio: Trio, mode: int, changes: dict[str, str], why: str
) -> None:
    """Any other service answers 503, says why, and writes nothing anywhere."""
    publish(trio, an_event("one"), mode=min(mode, 4))
    settings = Settings.from_environ({k: v for k, v in (trio.environ(mode) | changes).items() if v})
    with TestClient(create_application(settings)) as client:
        answer = client.post("/api/events/one/reports", json=REPORT)
        page = client.get("/events/one").text
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert why in answer.json()["detail"]
    assert "<form" not in page
    assert why in page
    for database in ("local", "render_dev", "render_prod"):
        assert trio.query(database, "SELECT count(*) FROM event_reports") == ["0"]


def test_a_report_is_a_kind_and_a_message_and_nothing_else(trio: Trio) -> None:
    """What is too long, unknown or would set another column is refused with 422 and stored nowhere."""
    publish(trio, an_event("one"))
    bodies: list[object] = [
        {},
        {"kind": "praise"},
        {"kind": "wrong", "message": "x" * 2001},
        {"kind": "wrong", "message": "\0"},
        {"kind": "wrong", "message": ["a"]},
        {"kind": "wrong", "id": 7},
        {"kind": "wrong", "event_key": "two"},
        {"kind": "wrong", "reported_at": "2000-01-01T00:00:00Z"},
        "wrong",
    ]
    with service(trio, WEB_REPORT_LIMITS="1000/minute") as client:
        for body in bodies:
            answer = client.post("/api/events/one/reports", json=body)
            assert answer.status_code == 422, body
            assert answer.json()["errors"]
    assert trio.query("render_prod", "SELECT count(*) FROM event_reports") == ["0"]


def test_one_visitor_cannot_send_many(trio: Trio) -> None:
    """The limit counts per visitor, through the proxy's header when one is set, and says when to come back."""
    publish(trio, an_event("one"))
    with service(trio, WEB_REPORT_LIMITS="2/hour", WEB_VISITOR_HEADER="CF-Connecting-IP") as client:

        def send(visitor: str) -> int:
            headers = {"CF-Connecting-IP": visitor, "X-Forwarded-For": f"10.0.0.{visitor[-1]}"}
            return client.post("/api/events/one/reports", json=REPORT, headers=headers).status_code

        assert [send("203.0.113.7") for _ in range(3)] == [201, 201, 429]
        assert send("203.0.113.8") == 201
        # One subscriber has all addresses of a /64.
        assert [send(f"2001:db8::{n}") for n in range(1, 4)] == [201, 201, 429]
        refused = client.post(
            "/api/events/one/reports", json=REPORT, headers={"CF-Connecting-IP": "203.0.113.7"}
        )
    assert int(refused.headers["retry-after"]) == 3600
    assert trio.query("render_prod", "SELECT count(*) FROM event_reports") == ["5"]

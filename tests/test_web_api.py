"""What the API answers: which events, in which order, once each, and what it refuses."""

from collections.abc import Iterator
from datetime import date, time, timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import delete, insert

from app.database.tables import events
from tests.postgres import Servers, Trio
from tests.web import HALL, an_event, publish, service, today, writing


def test_events_come_by_day_from_today_on(any_trio: Trio) -> None:
    """Yesterday is not listed; the rest is in the order of days and hours, each event with its venue."""
    publish(
        any_trio,
        an_event("later", today() + timedelta(days=3)),
        an_event("late", at=time(22), venue_key="hall"),
        an_event("early", at=time(9)),
        an_event("gone", today() - timedelta(days=1)),
        places=(HALL,),
    )
    with service(any_trio) as client:
        answer = client.get("/api/events").json()
    assert [event["key"] for event in answer["events"]] == ["early", "late", "later"]
    assert answer["events"][1]["venue"]["city"] == "Victoria"
    assert answer["events"][0]["venue"] is None
    assert answer["next"] is None


def test_an_event_has_its_page_as_json(trio: Trio) -> None:
    """One event by its key; another key is a problem with status 404."""
    publish(trio, an_event("one", price_low=12.5, price_high=12.5, currency="CAD"))
    with service(trio) as client:
        assert client.get("/api/events/one").json()["price_low"] == 12.5
        missing = client.get("/api/events/two")
    assert missing.status_code == 404
    assert missing.headers["content-type"] == "application/problem+json"
    assert missing.json()["detail"] == "There is no such event."


def test_pages_hold_each_event_once_while_others_come_and_go(trio: Trio) -> None:
    """Walking along the cursors meets every event that was there all the time exactly once."""
    days = [today() + timedelta(days=number // 3) for number in range(30)]
    publish(trio, *(an_event(f"e{number:02}", day) for number, day in enumerate(days)))
    seen: list[str] = []
    with service(trio) as client:
        answer = client.get("/api/events?limit=7").json()
        while answer["next"]:
            seen += [event["key"] for event in answer["events"]]
            with writing(trio, 4) as database, database.write() as transaction:
                transaction.execute(delete(events).where(events.c.key == seen[0]))
                transaction.execute(insert(events), an_event(f"a{len(seen):02}"))
            answer = client.get("/api/events", params={"limit": 7, "cursor": answer["next"]}).json()
        seen += [event["key"] for event in answer["events"]]
    assert [key for key in seen if key.startswith("e")] == [f"e{number:02}" for number in range(30)]


def test_the_link_header_leads_to_the_same_question_further_on(trio: Trio) -> None:
    """A client that follows `Link` keeps its filters."""
    publish(trio, *(an_event(f"e{number}") for number in range(3)), an_event("t", dance_styles=["tango"]))
    with service(trio) as client:
        first = client.get("/api/events?limit=2&style=salsa")
        second = client.get(first.links["next"]["url"])
    assert [event["key"] for event in second.json()["events"]] == ["e2"]
    assert "next" not in second.links


@pytest.fixture(scope="module")
def site(servers: Servers) -> Iterator[TestClient]:
    """A service with three events that the tests below only read: a hall's, a festival and a tango night."""
    with servers.trio(18) as trio:
        publish(
            trio,
            an_event("hall", date(2030, 12, 31), venue_key="hall", name="New Year's night"),
            an_event(
                "festival", date(2031, 1, 3), local_end_date=date(2031, 1, 5), ends_at=None, dance_styles=[]
            ),
            an_event("tango", date(2031, 1, 5), dance_styles=["tango"], description="A milonga for all."),
            places=(HALL,),
        )
        with service(trio) as client:
            yield client


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("style=tango", "tango"),
        ("style=Tango", "tango"),
        ("city=victoria", "hall"),
        ("q=milonga", "tango"),
        ("q=harbour", "hall"),
        ("q=night -tango", "festival hall"),
        ("q=night -harbour", "festival tango"),
        ("q=vict salsa", "hall"),
        ("q=%22night tango%22", "tango"),
        ("q=%22tango night%22", ""),
        ("q=night%20%26%20tango", "tango"),
        ("q=year's", "hall"),
        ("q=x' | 'night", ""),
        ("near=48.43,-123.37&within=5", "hall"),
        ("near=49.28,-123.12&within=5", ""),
        ("near=49.28,-123.12&within=120", "hall"),
        ("from=2031-01-04&to=2031-01-05", "festival tango"),
        ("from=2031-01-06&to=2031-01-09", ""),
        ("to=2030-12-31", "hall"),
        ("from=2031-02-01&to=2031-01-01", ""),
    ],
)
def test_filters_narrow(site: TestClient, question: str, found: str) -> None:
    """Each filter leaves exactly the events that it is about."""
    answer = site.get(f"/api/events?{question}").json()
    assert sorted(event["key"] for event in answer["events"]) == found.split()

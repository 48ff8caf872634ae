"""What the API answers: which events, in which order, once each, and what it refuses."""

import math
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from random import Random

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, insert

from app.database.tables import events
from app.web.cursors import Cursor, CursorError
from tests.postgres import Servers, Trio
from tests.web import HALL, an_event, publish, service, today, writing

pytestmark = pytest.mark.xdist_group("web-api")


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


def test_a_search_finds_the_same_near_and_far(trio: Trio) -> None:
    """However often a word occurs and wherever its events are, its pages hold all of them in their order."""
    rows = [
        an_event(
            f"e{number:03}",
            today() + timedelta(days=number // 2),
            time(number % 2 + 20),
            name=" ".join(
                word
                for word, fits in (
                    ("every", True),
                    ("third", number % 3 == 0),
                    ("rare", number % 37 == 0),
                    ("late", number > 110),
                )
                if fits
            ),
            dance_styles=["tango"] if number % 5 == 0 else [],
            venue_key="hall" if number % 7 == 0 else None,
        )
        for number in range(120)
    ]
    publish(trio, *rows, places=(HALL,))
    questions: dict[str, Callable[[int], bool]] = {
        "q=every": lambda _: True,
        "q=third": lambda n: n % 3 == 0,
        "q=rare": lambda n: n % 37 == 0,
        "q=late": lambda n: n > 110,
        "q=none": lambda _: False,
        "q=harbour": lambda n: n % 7 == 0,
        "q=tango": lambda n: n % 5 == 0,
        "q=every -third": lambda n: n % 3 != 0,
        "q=-every": lambda _: False,
        "q=third harbour": lambda n: n % 21 == 0,
        'q="every third"': lambda n: n % 3 == 0,
        'q="third every"': lambda _: False,
        "style=tango": lambda n: n % 5 == 0,
        "city=victoria&q=late": lambda n: n % 7 == 0 and n > 110,
        f"q=third&to={today() + timedelta(days=40)}": lambda n: n % 3 == 0 and n < 82,
    }
    with service(trio) as client:
        for question, fits in questions.items():
            expected = [f"e{n:03}" for n in range(120) if fits(n)]
            seen: list[str] = []
            cursor: str | None = ""
            while cursor is not None and len(seen) < 12:
                answer = client.get(f"/api/events?{question}&limit=2{cursor}").json()
                seen += [event["key"] for event in answer["events"]]
                cursor = f"&cursor={answer['next']}" if answer["next"] else None
            assert seen == expected[: len(seen)], question
            assert cursor or len(seen) == len(expected), question
            whole = client.get(f"/api/events?{question}&limit=200").json()["events"]
            assert [event["key"] for event in whole] == expected, question


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


@given(cursor=st.text(max_size=60) | st.binary(max_size=40).map(lambda raw: urlsafe_b64encode(raw).decode()))
def test_a_cursor_that_was_not_given_out_is_refused(cursor: str) -> None:
    """Anything that `Cursor` did not write itself is a CursorError, and nothing else."""
    with suppress(CursorError):
        assert str(Cursor.parse(cursor)) == cursor


def test_a_cursor_says_what_it_was_given(site: TestClient) -> None:
    """It comes back as it was, and a forged one is a problem with status 400."""
    cursor = Cursor(date(2031, 1, 2), datetime(2031, 1, 3, 4, 5, 6, 789, tzinfo=UTC), "Schlüssel\"')--")
    assert Cursor.parse(str(cursor)) == cursor
    assert site.get("/api/events", params={"cursor": str(cursor)}).status_code == 200
    forged = site.get("/api/events?cursor=eyJhIjoxfQ")
    assert forged.status_code == 400
    assert "Leave it away" in forged.json()["detail"]


def test_near_is_along_the_great_circle(trio: Trio) -> None:
    """A dance is near exactly when its venue is within the distance, at the poles and across the antimeridian too."""
    random = Random(4)  # noqa: S311 - places to try
    centres = [(90, 0), (-89.9, 10), (0, 180), (52, -179.9), (49.2827, -123.1207), (0, 0)]
    places: list[tuple[float, float]] = []
    for latitude, longitude in centres:
        for _ in range(20):
            north = max(-90.0, min(90.0, latitude + random.uniform(-5, 5)))
            east = (longitude + random.uniform(-6, 6) + 180) % 360 - 180
            places.append((round(north, 6), round(east, 6)))
    publish(
        trio,
        *(an_event(f"e{number}", venue_key=f"v{number}") for number in range(len(places))),
        places=tuple(
            {"key": f"v{number}", "name": "A place", "latitude": latitude, "longitude": longitude}
            for number, (latitude, longitude) in enumerate(places)
        ),
    )
    with service(trio) as client:
        for centre in centres:
            for within in (50, 300, 500):
                near = f"{centre[0]},{centre[1]}"
                parameters: dict[str, str | int] = {"near": near, "within": within, "limit": 200}
                events = client.get("/api/events", params=parameters).json()["events"]
                expected = {
                    f"e{number}"
                    for number, place in enumerate(places)
                    if _kilometres(centre, place) <= within
                }
                assert {event["key"] for event in events} == expected, (near, within)


def _kilometres(one: tuple[float, float], other: tuple[float, float]) -> float:
    """The distance by the angle between two vectors: another way than the service's."""

    def vector(place: tuple[float, float]) -> tuple[float, float, float]:
        north, east = math.radians(place[0]), math.radians(place[1])
        return math.cos(north) * math.cos(east), math.cos(north) * math.sin(east), math.sin(north)

    a, b = vector(one), vector(other)
    cross = (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])
    angle = math.atan2(math.hypot(*cross), sum(x * y for x, y in zip(a, b, strict=True)))
    return 6371.0088 * angle

"""The same events for calendars, search engines and caches."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from icalendar import Calendar
from sqlalchemy import insert

from app.database.tables import promotions
from tests.postgres import Trio
from tests.web import HALL, a_promotion, an_event, publish, service, today, writing


def test_a_calendar_says_what_the_api_says(trio: Trio) -> None:
    """Instants, whole days, cancellations and places survive the way through a calendar's parser."""
    publish(
        trio,
        an_event(
            "night", date(2031, 1, 31), time(21), venue_key="hall", description="Bring, shoes; water\nok"
        ),
        an_event("days", date(2031, 2, 1), None, local_end_date=date(2031, 2, 3), cancelled=True),
        places=(HALL,),
    )
    with service(trio, WEB_ADDRESS="https://dances.example") as client:
        answer = client.get("/api/events.ics")
        one = client.get("/api/events/night.ics")
    assert answer.headers["content-type"].startswith("text/calendar")
    night, days = Calendar.from_ical(answer.content).events
    assert night["uid"] == "night@dance"
    assert night.start == datetime(2031, 2, 1, 5, tzinfo=UTC)
    assert night.end - night.start == timedelta(hours=3)
    assert night["location"] == "Harbour Hall, 1 Quay Street, Victoria, BC"
    assert night["description"] == "Bring, shoes; water\nok"
    assert night["url"] == "https://dances.example/events/night"
    assert (days.start, days.end) == (date(2031, 2, 1), date(2031, 2, 4))
    assert days["status"] == "CANCELLED"
    assert [event["uid"] for event in Calendar.from_ical(one.content).events] == ["night@dance"]


def test_search_engines_get_an_event_of_schema_org(trio: Trio) -> None:
    """Local times with their offset, the place, the price; a class is an education event."""
    publish(
        trio,
        an_event(
            "lesson",
            date(2031, 7, 1),
            venue_key="hall",
            event_type="class",
            price_low=15,
            price_high=15,
            currency="CAD",
            url="https://dances.example/lesson",
        ),
        places=(HALL,),
    )
    with service(trio) as client:
        said = client.get("/api/events/lesson.jsonld").json()
    assert said["@type"] == "EducationEvent"
    assert said["startDate"] == "2031-07-01T20:00:00-07:00"
    assert said["location"]["address"]["addressLocality"] == "Victoria"
    assert said["location"]["geo"]["latitude"] == 48.4284
    assert said["offers"] == {"@type": "Offer", "price": "15.00", "priceCurrency": "CAD"}
    assert said["url"] == "https://dances.example/lesson"


@pytest.mark.parametrize("mode", [1, 4])
def test_who_has_the_current_version_gets_no_second_one(trio: Trio, mode: int) -> None:
    """The entity tag answers 304 until the events change, in a working database as in production."""
    publish(trio, an_event("one"), mode=mode)
    with writing(trio, mode) as database, database.write() as transaction:
        transaction.execute(insert(promotions), a_promotion())
    paths = (
        "/api/events",
        "/api/events.ics",
        "/api/events/one",
        "/api/events/one.ics",
        "/api/events/one.jsonld",
    )
    with service(trio, mode) as client:
        tags = {path: client.get(path).headers["etag"] for path in paths}
        for path, tag in tags.items():
            again = client.get(path, headers={"If-None-Match": f'"other", {tag}'})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag), path
        with writing(trio, mode) as database, database.write() as transaction:
            transaction.execute(insert(promotions), a_promotion())
            transaction.connection.exec_driver_sql("UPDATE events SET name = 'Changed'")
        for path, tag in tags.items():
            changed = client.get(path, headers={"If-None-Match": tag})
            assert changed.status_code == 200, path
            assert changed.headers["etag"] != tag
            assert "Changed" in changed.text


def test_another_question_is_another_version(trio: Trio) -> None:
    """Two questions never share an entity tag, or a cache would mix up their answers."""
    publish(trio, an_event("one"), an_event("two", today() + timedelta(days=1)))
    with writing(trio, 4) as database, database.write() as transaction:
        transaction.execute(insert(promotions), a_promotion())
    questions = ("", "?limit=1", "?style=salsa", "?style=tango", "?q=one")
    with service(trio) as client:
        tags = {client.get(f"/api/events{question}").headers["etag"] for question in questions}
    assert len(tags) == len(questions)


def test_only_named_origins_may_call_from_a_browser(trio: Trio) -> None:
    """CORS is closed unless a setting opens it, and then for that origin alone."""
    asks = {"Origin": "https://friend.example"}
    with service(trio) as client:
        assert "access-control-allow-origin" not in client.get("/api/events", headers=asks).headers
    with service(trio, WEB_CORS_ORIGINS="https://friend.example") as client:
        allowed = client.get("/api/events", headers=asks).headers
        assert allowed["access-control-allow-origin"] == "https://friend.example"
        stranger = client.get("/api/events", headers={"Origin": "https://stranger.example"}).headers
        assert "access-control-allow-origin" not in stranger

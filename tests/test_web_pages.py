"""What visitors' browsers get: pages that work without scripts and let nothing of strangers through."""

import json
import re
from datetime import timedelta

import pytest

from tests.postgres import Trio
from tests.web import HALL, an_event, publish, service, today

HOSTILE = '"><script>alert(1)</script>{{ 7*7 }}<img src=x onerror=alert(1)>'


def test_the_first_page_lists_events_by_day(trio: Trio) -> None:
    """Each day is a heading, each event a link to its page."""
    publish(trio, an_event("one"), an_event("two", today() + timedelta(days=1)))
    with service(trio) as client:
        html = client.get("/").text
    assert html.index("Today, ") < html.index('href="/events/one"') < html.index('href="/events/two"')


def test_what_strangers_wrote_stays_text(trio: Trio) -> None:
    """Markup, template syntax and script addresses from sources and from the URL are shown, never run."""
    publish(
        trio,
        an_event(
            "bad",
            name=HOSTILE,
            description=HOSTILE,
            organiser=HOSTILE,
            price_text=HOSTILE,
            event_type=HOSTILE,
            dance_styles=[HOSTILE],
            venue_key="hall",
            url="https://x.example/'\"><script>",
        ),
        places=(HALL | {"name": HOSTILE, "city": HOSTILE},),
    )
    with service(trio) as client:
        pages = [
            client.get("/").text,
            client.get("/events/bad").text,
            client.get("/", params={"q": HOSTILE}).text,
        ]
    for html in pages:
        outside = re.sub(r'<script type="application/ld\+json">[^<>]*</script>', "", html)
        assert "<script" not in outside
        assert "<img" not in outside
        assert "{{ 7*7 }}" in outside


def test_an_event_page_tells_search_engines_what_it_is(trio: Trio) -> None:
    """The page carries the same JSON-LD as the API, and it cannot end its script element."""
    publish(trio, an_event("one", name="</script><b>"))
    with service(trio) as client:
        html = client.get("/events/one").text
        said = client.get("/api/events/one.jsonld").json()
    found = re.search(r'<script type="application/ld\+json">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    assert json.loads(found[1]) == said
    assert said["@type"] == "DanceEvent"


@pytest.mark.parametrize("question", ["when=never", "from=yesterday", "near=here", "within=-1&near=1,1"])
def test_a_search_that_makes_no_sense_says_so(trio: Trio, question: str) -> None:
    """The form comes back with what is wrong, with status 422, and keeps what was typed."""
    with service(trio) as client:
        answer = client.get(f"/?{question}&q=keep+this")
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert "keep this" in answer.text


def test_every_answer_tells_browsers_to_run_nothing(trio: Trio) -> None:
    """Pages, API, problems and the style sheet carry the security headers."""
    with service(trio) as client:
        for path in ("/", "/api/events", "/api/events/none", "/nowhere", "/style.css", "/livez"):
            headers = client.get(path).headers
            assert "default-src 'none'" in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"
            assert "script" not in headers["content-security-policy"]

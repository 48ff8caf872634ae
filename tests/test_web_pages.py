"""What visitors' browsers get: pages that work without scripts and let nothing of strangers through."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from tests.postgres import Servers
from tests.screenshots import digest_of_pages
from tests.web import an_event, publish, service, today

pytestmark = pytest.mark.xdist_group("web-pages")


@pytest.fixture(scope="module")
def site(servers: Servers) -> Iterator[TestClient]:
    """A service with three events, one of which would like to end its script element."""
    with servers.trio(18) as trio:
        publish(
            trio,
            an_event("one"),
            an_event("two", today() + timedelta(days=1)),
            an_event("three", today() + timedelta(days=2), name="</script><b>"),
        )
        with service(trio) as client:
            yield client


def test_the_first_page_lists_events_by_day(site: TestClient) -> None:
    """Each day is a heading, each event a link to its page."""
    html = site.get("/").text
    assert (
        html.index('<span class="today">Today</span> <time')
        < html.index('href="/events/one"')
        < html.index('href="/events/two"')
    )


def test_an_event_page_tells_search_engines_what_it_is(site: TestClient) -> None:
    """The page carries the same JSON-LD as the API, and it cannot end its script element."""
    html = site.get("/events/three").text
    said = site.get("/api/events/three.jsonld").json()
    found = re.search(r'<script type="application/ld\+json">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    assert json.loads(found[1]) == said
    assert said["@type"] == "DanceEvent"


@pytest.mark.parametrize("question", ["when=never", "from=yesterday", "near=here", "within=-1&near=1,1"])
def test_a_search_that_makes_no_sense_says_so(site: TestClient, question: str) -> None:
    """The form comes back with what is wrong, with status 422, and keeps what was typed."""
    answer = site.get(f"/?{question}&q=keep+this")
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert "Value error" not in answer.text
    assert "keep this" in answer.text


def test_every_answer_tells_browsers_to_run_nothing(site: TestClient) -> None:
    """Pages, API, problems and the style sheet carry the security headers."""
    for path in ("/", "/api/events", "/api/events/none", "/nowhere", "/style.css", "/livez"):
        headers = site.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "script" not in headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/", "/events/one", "/events/none", "/api/events", "/livez", "/style.css"])
def test_head_is_answered_like_get(site: TestClient, path: str) -> None:
    """Status and headers are those of GET, as monitors and caches ask for them, and there is no content."""
    asked, head = site.get(path), site.head(path)
    assert (head.status_code, head.content) == (asked.status_code, b"")
    assert head.headers == asked.headers


def test_the_pictures_show_today_s_pages(project: Path) -> None:
    """Whoever changes a page takes its pictures anew: python -m tests.screenshots."""
    taken = (project / "docs/pictures.sha256").read_text(encoding="ascii").strip()
    assert taken == digest_of_pages()

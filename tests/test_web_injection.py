"""Attacks through everything that a visitor fills in, and through everything that sources wrote."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import insert

from app.database.tables import Owner, event_reports, promotions, runs, stage_runs, tables_of
from app.web.application import create_application
from app.web.protection import LARGEST_BODY
from app.web.rendering import link
from app.web.visitors import FIELDS
from settings import Settings
from tests.postgres import Servers, Trio
from tests.web import HALL, a_promotion, a_run, an_event, publish, writing

pytestmark = pytest.mark.xdist_group("web-injection")

MARKUP = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7*191 }}"
ATTACKS = (
    "'",
    "');DELETE FROM events;--",
    "1;DELETE FROM events",
    "'||(SELECT 'inj'||'ected')||'",
    "' UNION SELECT 'inj'||'ected'--",
    "') OR pg_sleep(20) IS NULL--",
    "\\'; DROP TABLE events; --",
    "$$;DROP TABLE events;$$",
    "%(q)s %s {0} {__class__}",
    "a:*|!(b&c)<->'",
    "../../etc/passwd",
    "\r\nSet-Cookie: injected=1",
    "\u0000\ufeff\u202e\U0001f483",
    MARKUP,
    "x" * 5000,
)
SIGNS = ("injected", "1337", "root:", "psycopg2", "Traceback")
"""What an answer says when an attack was run instead of read."""
_OTHERS = [
    table for table in tables_of(Owner.PIPELINE, Owner.SYSTEM, Owner.WEB) if table is not event_reports
]
_EVERYTHING = "".join(
    f"SELECT '{table}', md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {table} AS t;"
    for table in _OTHERS
)
_EVERYTHING += "SELECT count(*) FROM pg_class; SELECT count(*) FROM pg_roles; SELECT count(*) FROM pg_proc"
"""SQL: every row of production but the visitors' reports, and how many things there are."""


@pytest.fixture(scope="module")
def town(servers: Servers) -> Iterator[Trio]:
    """Production with an event and an operator's history in which every text is an attack."""
    with servers.trio(18) as trio:
        texts = ("name", "description", "organiser", "price_text", "event_type", "source")
        hostile: dict[str, Any] = dict.fromkeys(texts, MARKUP)
        publish(
            trio,
            an_event("one"),
            an_event(
                "bad",
                venue_key="hall",
                url="https://x.example/'\"><script>",
                dance_styles=[MARKUP],
                **hostile,
            ),
            an_event("worse", url="https://x.example/\" onmouseover=alert(1) x='"),
            places=(HALL | dict.fromkeys(("name", "city", "street", "region"), MARKUP),),
        )
        run, now = uuid4(), datetime.now(UTC)
        strangers = {"who": MARKUP, "host": MARKUP, "commit": MARKUP}
        with writing(trio, 4) as database, database.write() as transaction:
            transaction.execute(insert(runs), a_run(run, now, target=MARKUP, **strangers))
            stage = {"run_id": run, "stage": MARKUP, "position": 0, "counts": {MARKUP: 7}}
            transaction.execute(insert(stage_runs), stage)
            said = {"digest": MARKUP, "overrides": {MARKUP: MARKUP}, "source_as_of": now} | strangers
            transaction.execute(insert(promotions), a_promotion(who=MARKUP) | said)
        yield trio


@pytest.fixture(scope="module")
def site(town: Trio) -> Iterator[TestClient]:
    """Its web service, seen from its own machine."""
    settings = Settings.from_environ(town.environ(4) | {"WEB_REPORT_LIMITS": "1000000/minute"})
    application = create_application(settings)
    with TestClient(application, raise_server_exceptions=False, client=("127.0.0.1", 4711)) as client:
        yield client


def _places(document: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """Method, path, kind and name of everything that the API's own description lets a visitor fill in."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for parameter in operation.get("parameters", ()):
                yield method, path, parameter["in"], parameter["name"]
            body = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if body:
                model = document["components"]["schemas"][body["schema"]["$ref"].rsplit("/", 1)[1]]
                yield from ((method, path, "body", name) for name in (*model["properties"], "id"))


def test_no_parameter_of_the_api_runs_what_it_is_given(site: TestClient, town: Trio) -> None:
    """Each one, also those that come later, gets each attack: it is found nowhere or refused, and changes nothing."""
    before = town.query("render_prod", _EVERYTHING)
    places = list(_places(site.get("/openapi.json").json()))
    assert {name for *_, kind, name in places if kind == "query"} >= {*FIELDS, "cursor", "limit"}
    assert {name for *_, kind, name in places if kind == "body"} == {"kind", "message", "id"}
    for method, path, kind, name in places:
        for attack in ATTACKS:
            key = quote(attack, safe="") if kind == "path" else "one"
            body = {"kind": "wrong"} | ({name: attack} if kind == "body" else {})
            answer = site.request(
                method,
                path.replace("{key}", key),
                params={name: attack} if kind == "query" else None,
                json=body if method == "post" else None,
            )
            assert answer.status_code in (200, 201, 400, 404, 422), (path, name, attack)
            assert "set-cookie" not in answer.headers
            assert not any(sign in answer.text for sign in SIGNS if sign not in attack), (path, name, attack)
    assert town.query("render_prod", _EVERYTHING) == before


def test_the_reports_address_writes_reports_and_nothing_else(site: TestClient, town: Trio) -> None:
    """As JSON, as a form, with every other column and table named: one row of the report's own, or none."""
    before = town.query("render_prod", _EVERYTHING)
    town.query("render_prod", "TRUNCATE event_reports")
    taken = []
    others = ("id", "event_key", "reported_at", "table", "events", "__proto__", "environment")
    for where, how in (("/api/events/one/reports", "json"), ("/events/one/reports", "data")):
        for extra in ({}, *({name: "two"} for name in others)):
            for attack in ATTACKS:
                answer = site.post(
                    where,
                    follow_redirects=False,
                    **{how: {"kind": "wrong", "message": attack, **extra}},  # type: ignore[arg-type]  # json or data
                )
                assert answer.status_code in (201, 303, 422), (where, extra, attack)
                if answer.status_code != 422:
                    taken.append((extra, attack))
    assert taken
    assert all(not extra for extra, _ in taken)
    stored = town.query("render_prod", "SELECT DISTINCT event_key, kind FROM event_reports")
    assert stored == ["one|wrong"]
    assert town.query("render_prod", "SELECT count(*) FROM event_reports") == [str(len(taken))]
    assert town.query("render_prod", _EVERYTHING) == before


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_no_other_method_reaches_an_event(site: TestClient, town: Trio, method: str) -> None:
    """Events are read; nothing but GET is answered, whatever body comes along."""
    before = town.query("render_prod", _EVERYTHING)
    for path in ("/api/events", "/api/events/one", "/api/events/one/reports", "/events/one"):
        answer = site.request(method, path, json={"name": "mine"})
        assert answer.status_code == (405 if method != "GET" or path.endswith("reports") else 200), path
    assert town.query("render_prod", _EVERYTHING) == before


class _Elements(HTMLParser):
    """The elements of a page and the names of their attributes, as a browser would read them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.links: set[str] = set()
        self.scripts = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.found |= {tag, *(f"{tag}[{name}]" for name in values)}
        self.links |= {str(values[name]) for name in ("href", "src", "action") if name in values}
        self.scripts += tag == "script" and values.get("type") != "application/ld+json"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        f"/?q={quote(MARKUP[:90])}",
        *(f"/?{name}={quote(MARKUP)}" for name in FIELDS),
        f"/events/bad?reported={quote(MARKUP)}",
        "/events/worse",
        f"/events/{quote(MARKUP, safe='')}",
        f"/{quote(MARKUP)}",
        f"/?cursor={quote(MARKUP)}",
        "/status",
    ],
)
def test_every_page_shows_attacks_as_text(site: TestClient, path: str) -> None:
    """Whoever wrote it, source, visitor or operator: no element, handler, script or address of theirs."""
    html = site.get(path, headers={"Accept": "text/html"}).text
    page = _Elements(html)
    assert page.scripts == 0
    assert not {"img", "iframe", "base", "object", "meta[http-equiv]"} & page.found
    assert not any("[on" in name or "[style]" in name for name in page.found)
    assert all(link.startswith(("/", "#", "https://")) for link in page.links), page.links
    assert "1337" not in html


def test_attacks_are_shown_where_they_belong(site: TestClient) -> None:
    """The pages above did show them: what is checked there is not an empty page."""
    assert site.get("/").text.count("&lt;script&gt;alert(1)") > 3
    assert site.get("/events/bad").text.count("&lt;script&gt;alert(1)") > 6
    assert site.get("/status").text.count("&lt;script&gt;alert(1)") > 8


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,<b>",
        "//x.example",
        "https://",
        "https://x.example/ onclick=",
        None,
    ],
)
def test_only_addresses_of_pages_are_linked(url: str | None) -> None:
    """A source's address is a link when it is http or https and whole; the database takes no other either."""
    assert link(url) is None
    assert link("https://x.example/a?b=c") == "https://x.example/a?b=c"


@pytest.mark.parametrize("path", ["/api/events/one/reports", "/events/one/reports"])
def test_a_body_that_is_too_long_is_not_read(site: TestClient, path: str) -> None:
    """It is refused with 413 whether its length was announced or not; the longest honest one is taken."""
    kind = "application/json" if path.startswith("/api") else "application/x-www-form-urlencoded"
    parts = [b"x" * 9_000] * (LARGEST_BODY // 9_000 + 1)
    announced = site.post(path, content=b"".join(parts), headers={"Content-Type": kind})
    streamed = site.post(path, content=iter(parts), headers={"Content-Type": kind})
    for answer in (announced, streamed):
        assert answer.status_code == 413
        assert answer.headers["content-type"] == "application/problem+json"
    longest = {"kind": "wrong", "message": "\U0001f483" * 2000}
    honest = site.post(path, json=longest) if path.startswith("/api") else site.post(path, data=longest)
    assert honest.is_success

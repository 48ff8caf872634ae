"""The OpenAPI document is true: thousands of generated requests, valid and not, get what it promises."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode

from app.web.application import create_application
from app.web.cursors import Cursor
from settings import Settings
from tests.postgres import Servers
from tests.web import HALL, an_event, publish, today

EVENTS = (
    "/api/events",
    "/api/events.ics",
    "/api/events/{key}",
    "/api/events/{key}.ics",
    "/api/events/{key}.jsonld",
    "/api/events/{key}/reports",
)
CURSOR = str(Cursor(date(2026, 1, 2), datetime(2026, 1, 2, 20, tzinfo=UTC), "e0"))
QUESTIONS = (
    *((path, mode) for path in EVENTS for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)),
    # These take nothing that could be invalid.
    ("/livez", GenerationMode.POSITIVE),
    ("/readyz", GenerationMode.POSITIVE),
)


pytestmark = pytest.mark.xdist_group("web-openapi")


@pytest.fixture(scope="module")
def document(servers: Servers) -> Iterator[Any]:
    """The API's own description, with its application behind it."""
    with servers.trio(18) as trio:
        publish(
            trio,
            an_event("one", venue_key="hall"),
            an_event("two", today() + timedelta(days=1), dance_styles=["tango"]),
            *(an_event(f"e{number}") for number in range(5)),
            places=(HALL,),
        )
        environ = trio.environ(4) | {"WEB_REPORT_LIMITS": "1000000/minute"}
        application = create_application(Settings.from_environ(environ))
        with TestClient(application):
            described = schemathesis.openapi.from_asgi("/openapi.json", application)
            assert set(described) == {path for path, _ in QUESTIONS}
            yield described


def _ask(document: Any, path: str, mode: GenerationMode, cases: int) -> None:
    for method in document[path]:

        @settings(max_examples=cases, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=document[path][method].as_strategy(generation_mode=mode))
        def ask(case: Case[Any]) -> None:
            if mode is GenerationMode.POSITIVE and "cursor" in (case.query or {}):
                case.query["cursor"] = CURSOR  # no schema tells which cursors the service gave out
            case.call_and_validate()

        ask()


@pytest.mark.parametrize(("path", "mode"), QUESTIONS)
def test_every_answer_is_one_that_the_document_promises(
    document: Any, path: str, mode: GenerationMode
) -> None:
    """Status, media type, headers and content fit; nothing valid is refused, nothing invalid taken, no 5xx."""
    _ask(document, path, mode, 25)


@pytest.mark.deep
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("path", "mode"), QUESTIONS)
def test_thousands_of_answers_are_as_promised(document: Any, path: str, mode: GenerationMode) -> None:
    """The same with a thousand cases for each operation and mode."""
    _ask(document, path, mode, 1000)

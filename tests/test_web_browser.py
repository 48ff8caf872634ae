"""The pages in a real browser: they work, on a phone and by keyboard, and everybody can use them."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Literal

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import insert

from app.database.tables import promotions
from tests.browser import DESKTOP, IS_MISSING, PHONE, browser, violations, visited
from tests.postgres import Servers, Trio
from tests.web import HALL, a_promotion, an_event, publish, served, today, writing

pytestmark = [
    pytest.mark.skipif(IS_MISSING, reason="no chromium on this machine"),
    pytest.mark.xdist_group("web-browser"),
]


Look = tuple[Literal["light", "dark"], dict[str, int]]
"""Colours and a window's size."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[BrowserContext]:
    """One browser for all tests."""
    with browser() as context:
        yield context


@pytest.fixture(scope="module")
def town(servers: Servers) -> Iterator[Trio]:
    """Databases in which a few dances are coming, in every environment."""
    with servers.trio(18) as trio:
        for mode in (1, 2, 4):
            publish(
                trio,
                an_event("tonight", name="Salsa tonight", venue_key="hall", description="Bring shoes."),
                an_event("tango", today() + timedelta(days=1), name="Tango & tea", dance_styles=["tango"]),
                an_event("off", today() + timedelta(days=2), name="Called off", cancelled=True, is_free=True),
                *(
                    an_event(
                        f"e{number:02}", today() + timedelta(days=3 + number // 5), name=f"Evening {number}"
                    )
                    for number in range(60)
                ),
                mode=mode,
                places=(HALL,),
            )
            with writing(trio, mode) as database, database.write() as transaction:
                for number in range(1, 8):
                    row = a_promotion(inserted=number * 30, updated=number % 3, deleted=number % 2)
                    transaction.execute(insert(promotions), row)
        yield trio


@pytest.fixture(scope="module")
def address(town: Trio) -> Iterator[str]:
    """Production's web service."""
    with served(town, WEB_REPORT_LIMITS="1000/minute") as where:
        yield where


@pytest.fixture
def page(chromium: BrowserContext) -> Iterator[Page]:
    """A fresh page."""
    with visited(chromium) as fresh:
        yield fresh


def test_a_visitor_finds_a_dance(page: Page, address: str) -> None:
    """Words and a style narrow the list; the event's page says when and where."""
    page.goto(address)
    expect(page.get_by_role("heading", level=2).first).to_contain_text("Today")
    page.get_by_label("Words").fill("tea")
    page.get_by_label("Style", exact=True).select_option("tango")
    page.get_by_role("button", name="Find dances").click()
    expect(page.get_by_role("heading", level=3)).to_have_text(["Tango & tea"])
    expect(page.get_by_label("Words")).to_have_value("tea")
    page.get_by_role("link", name="Clear").click()
    page.get_by_role("link", name="Salsa tonight").click()
    expect(page).to_have_title("Salsa tonight")
    expect(page.get_by_text("Harbour Hall, 1 Quay Street, Victoria, BC")).to_be_visible()


def test_the_list_goes_on(page: Page, address: str) -> None:
    """There is a next page while there are later dances, and a way back to the first."""
    page.goto(f"{address}/?style=salsa")
    page.get_by_role("link", name="Later dances").click()
    expect(page.get_by_role("heading", level=3).last).to_have_text("Evening 59")
    expect(page.get_by_role("link", name="Later dances")).to_have_count(0)
    page.get_by_role("link", name="First page").click()
    expect(page.get_by_role("heading", level=3).first).to_have_text("Salsa tonight")


def test_a_visitor_reports_with_the_keyboard_alone(page: Page, address: str, town: Trio) -> None:
    """Tab, arrows and Enter lead from the first page to a stored report."""
    page.goto(address)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Salsa tonight":
            break
    page.keyboard.press("Enter")
    expect(page).to_have_title("Salsa tonight")
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.type") == "radio":
            break
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.type("The hall is closed.")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Thank you")
    stored = town.query("render_prod", "SELECT event_key, kind, message FROM event_reports")
    assert stored == ["tonight|cancelled|The hall is closed."]


def test_a_visitor_searches_with_the_keyboard_alone(page: Page, address: str) -> None:
    """Words, a choice of a list, the days behind their heading, Enter: and the way back to all dances."""
    page.goto(address)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Words")).to_be_focused()
    page.keyboard.type("evening")
    for _ in range(2):
        page.keyboard.press("Tab")
    expect(page.get_by_label("Style", exact=True)).to_be_focused()
    page.keyboard.type("salsa")
    for _ in range(2):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("From")).to_be_focused()
    day = today() + timedelta(days=4)
    page.keyboard.type(f"{day:%m%d%Y}")
    for _ in range(8):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Find dances":
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=3).first).to_have_text("Evening 5")
    expect(page.get_by_label("From")).to_have_value(day.isoformat())
    page.get_by_role("link", name="Clear").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=3).first).to_have_text("Salsa tonight")


PAGES = {
    "/": 200,
    "/?q=nothing+fits": 200,
    "/?from=2026-01-01": 200,
    "/?when=never": 422,
    "/events/tonight": 200,
    "/events/tonight?reported=1": 200,
    "/events/off": 200,
    "/events/none": 404,
    "/nowhere": 404,
    "/status": 200,
}


DIFFERENT = ("/", "/events/tonight", "/status")
"""Pages that are not the same in every environment."""


def _everybody_can_use(chromium: BrowserContext, where: str, path: str, looks: Iterable[Look]) -> None:
    with visited(chromium, fails=PAGES[path] != 200) as page:
        for scheme, size in looks:
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": size["width"], "height": size["height"]})
            answer = page.goto(where + path)
            assert answer is not None
            assert answer.status == PAGES[path]
            assert violations(page) == [], (path, scheme)
            assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], path


@pytest.mark.parametrize("mode", [1, 2, 4], ids=["local", "dev", "production"])
def test_everybody_can_use_the_pages(chromium: BrowserContext, town: Trio, mode: int) -> None:
    """axe-core finds nothing, nothing sticks out at the side, the console is quiet: by day, and by night on a phone."""
    day: Look = ("light", DESKTOP)
    night: Look = ("dark", PHONE)
    with served(town, mode) as where:
        for path in PAGES if mode == 4 else DIFFERENT:
            looks: tuple[Look, ...] = (day, night) if mode == 4 and path in DIFFERENT else (day,)
            _everybody_can_use(chromium, where, path, looks)


@pytest.mark.deep
@pytest.mark.parametrize("mode", [1, 2, 4], ids=["local", "dev", "production"])
def test_everybody_can_use_every_page_in_every_look(chromium: BrowserContext, town: Trio, mode: int) -> None:
    """The same for all pages, sizes and colours in each environment."""
    looks: tuple[Look, ...] = tuple(
        (scheme, size)
        for scheme in ("light", "dark")
        for size in (DESKTOP, PHONE, {"width": 768, "height": 1024}, {"width": 320, "height": 568})
    )
    with served(town, mode) as where:
        for path in PAGES:
            _everybody_can_use(chromium, where, path, looks)


def test_the_pages_that_turn_operators_away_are_pages_too(chromium: BrowserContext, town: Trio) -> None:
    """Whoever comes from elsewhere to the status page is told so, accessibly."""
    with served(town, WEB_VISITOR_HEADER="CF-Connecting-IP") as where, visited(chromium, fails=True) as page:
        page.goto(f"{where}/status")
        expect(page.get_by_role("alert")).to_contain_text("WEB_STATUS_TOKEN")
        assert violations(page) == []


@pytest.mark.parametrize(
    ("mode", "word", "access"),
    [(1, "LOCAL", "read-write"), (2, "DEV", "read-write"), (4, "PRODUCTION", "read-write")],
)
def test_operators_see_where_they_are(page: Page, town: Trio, mode: int, word: str, access: str) -> None:
    """The status page has the badge of its environment, healthy databases, the chart and the promotions."""
    with served(town, mode) as where:
        page.goto(f"{where}/status")
        expect(page.locator(".badge")).to_contain_text(word)
        expect(page.locator(".badge")).to_contain_text(access)
        expect(page.get_by_role("table").first.locator(".state-up").first).to_have_text("up")
        expect(page.get_by_role("img", name="Rows that each promotion")).to_be_visible()
        expect(page.get_by_role("table").nth(1).get_by_role("row")).to_have_count(8)


def test_the_colours_of_environments_are_told_apart(chromium: BrowserContext, town: Trio) -> None:
    """LOCAL, DEV and PRODUCTION have three backgrounds."""
    colours = set()
    for mode in (1, 2, 4):
        with served(town, mode) as where, visited(chromium) as page:
            page.goto(f"{where}/status")
            colours.add(page.locator(".badge").evaluate("e => getComputedStyle(e).backgroundColor"))
    assert len(colours) == 3

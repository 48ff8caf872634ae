"""The pages in a real browser: they work, on a phone and by keyboard, and everybody can use them."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import insert

from app.database.tables import promotions
from tests.browser import IS_MISSING, PHONE, browser, violations, visited
from tests.postgres import Servers, Trio
from tests.web import HALL, a_promotion, an_event, publish, served, today, writing

pytestmark = [
    pytest.mark.skipif(IS_MISSING, reason="no chromium on this machine"),
    pytest.mark.xdist_group("web-browser"),
]


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


@pytest.mark.parametrize(
    "path", ["/", "/?q=nothing+fits", "/?when=never", "/events/tonight", "/events/none", "/status"]
)
def test_everybody_can_use_the_pages(chromium: BrowserContext, address: str, path: str) -> None:
    """axe-core finds nothing, in light and dark; on a phone nothing sticks out at the side."""
    page = chromium.new_page()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.goto(address + path)
        assert violations(page) == []
    page.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
    page.goto(address + path)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.close()


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
        assert violations(page) == []


def test_the_colours_of_environments_are_told_apart(chromium: BrowserContext, town: Trio) -> None:
    """LOCAL, DEV and PRODUCTION have three backgrounds."""
    colours = set()
    for mode in (1, 2, 4):
        with served(town, mode) as where, visited(chromium) as page:
            page.goto(f"{where}/status")
            colours.add(page.locator(".badge").evaluate("e => getComputedStyle(e).backgroundColor"))
    assert len(colours) == 3

"""A real browser for the tests, and the web service on a port for it to visit."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, sync_playwright

CHROMIUM: Final = shutil.which("chromium")
IS_MISSING: Final = CHROMIUM is None and os.environ.get("CI") != "true"
"""Whether browser tests may be left out: only where there is no browser, and never in CI."""
PHONE: Final = {"width": 360, "height": 740}
DESKTOP: Final = {"width": 1200, "height": 800}
_FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def browser() -> Iterator[BrowserContext]:
    """Debian's Chromium with a fresh profile and no scripts of ours to rely on."""
    assert CHROMIUM is not None, "apt-get install chromium"
    with TemporaryDirectory(ignore_cleanup_errors=True) as profile, sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=CHROMIUM, headless=True, args=[*_FLAGS]
        )
        yield context
        context.close()


@contextmanager
def visited(
    context: BrowserContext, size: dict[str, int] | None = None, *, fails: bool = False
) -> Iterator[Page]:
    """A page whose console must stay quiet.

    Args:
        context: the browser.
        size: of the window.
        fails: the page is one with an error's status, of which Chromium's console tells.
    """
    page = context.new_page()
    page.set_viewport_size({"width": (size or DESKTOP)["width"], "height": (size or DESKTOP)["height"]})
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    yield page
    page.close()
    assert [line for line in said if not (fails and line.startswith("Failed to load resource"))] == []


def violations(page: Page) -> list[str]:
    """What axe-core finds wrong with a page's accessibility."""
    found = Axe().run(page).response["violations"]
    return [f"{item['id']}: {node['html']}" for item in found for node in item["nodes"]]


def save(page: Page, path: Path) -> None:
    """A small screenshot of what is in view."""
    page.screenshot(path=path, animations="disabled", scale="css")

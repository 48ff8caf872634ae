"""The pictures of docs/operations.md: `python -m tests.screenshots` takes them anew."""

from datetime import timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from sqlalchemy import insert

from app.database.tables import promotions
from tests.browser import DESKTOP, PHONE, browser, save, visited
from tests.postgres import Servers, Trio
from tests.web import HALL, a_promotion, an_event, publish, served, today, writing

_NAMES = (
    "Salsa at the harbour",
    "Tango & tea",
    "Swing out",
    "Bachata basics",
    "Forró no parque",
    "Blues night",
)
_STYLES = ("salsa", "tango", "swing", "bachata", "forró", "blues")


def _fill(trio: Trio) -> None:
    events = [
        an_event(
            f"e{number:02}",
            today() + timedelta(days=number // 3),
            name=_NAMES[number % 6],
            dance_styles=[_STYLES[number % 6]],
            venue_key="hall" if number % 2 else None,
            price_text="$15 at the door" if number % 3 else "",
            is_free=number % 3 == 0,
            cancelled=number == 4,
            organiser="Harbour Dance Society",
            description="A lesson at eight, then social dancing.\nNo partner needed.",
        )
        for number in range(12)
    ]
    random = Random(7)  # noqa: S311 - figures for a picture
    publish(trio, *events, places=(HALL,))
    with writing(trio, 4) as database, database.write() as transaction:
        for _ in range(24):
            row = a_promotion(
                inserted=random.randint(0, 60),
                updated=random.randint(0, 200),
                deleted=random.randint(0, 9),
            )
            transaction.execute(insert(promotions), row)


def main() -> None:
    """Take the pictures."""
    pictures = Path(__file__).parent.parent / "docs"
    with TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        servers = Servers(Path(directory))
        try:
            with servers.trio(18) as trio, browser() as context:
                _fill(trio)
                with served(trio) as address:
                    for path, name, size in (
                        ("/", "events.png", DESKTOP),
                        ("/events/e01", "event-phone.png", PHONE),
                        ("/status", "status-production.png", DESKTOP),
                    ):
                        with visited(context, size) as page:
                            page.goto(address + path)
                            save(page, pictures / name)
        finally:
            servers.stop()


if __name__ == "__main__":
    main()

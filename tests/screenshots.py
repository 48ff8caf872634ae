"""The pictures of docs/operations.md: `python -m tests.screenshots` takes them anew."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Final, Literal
from uuid import uuid4

from sqlalchemy import insert

from app.database.tables import promotions, runs, stage_runs
from tests.browser import DESKTOP, PHONE, browser, save, visited
from tests.postgres import Servers, Trio
from tests.web import HALL, a_promotion, a_run, an_event, publish, served, today, writing

_NAMES = (
    "Salsa at the harbour",
    "Tango & tea",
    "Swing out",
    "Bachata basics",
    "Forró no parque",
    "Blues night",
)
_STAGES = {"collect": {"found": 412, "gone": 3}, "deduplicate": {"merged": 57}, "store": {"stored": 352}}
_STYLES = ("salsa", "tango", "swing", "bachata", "forró", "blues")


_PICTURES: Final[tuple[tuple[str, str, dict[str, int], Literal["light", "dark"]], ...]] = (
    ("/", "events.png", DESKTOP, "light"),
    ("/", "events-phone.png", PHONE, "light"),
    ("/events/e01", "event-phone.png", PHONE, "dark"),
    ("/status", "status-production.png", {"width": 1200, "height": 1100}, "light"),
)


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
        for number in range(24):
            run, ended = uuid4(), datetime.now(UTC) - timedelta(days=23 - number)
            transaction.execute(insert(runs), a_run(run, ended, target="render_dev", host="dance-pipeline"))
            for position, (stage, counts) in enumerate(_STAGES.items()):
                row = {
                    "run_id": run,
                    "stage": stage,
                    "position": position,
                    "outcome": "done",
                    "counts": counts,
                }
                transaction.execute(insert(stage_runs), row | {"finished_at": ended})
            row = a_promotion(
                inserted=random.randint(0, 60),
                updated=random.randint(0, 200),
                deleted=random.randint(0, 9),
            )
            said = {
                "source_as_of": ended,
                "finished_at": ended,
                "commit": "5d399b7c",
                "host": "dance-pipeline",
            }
            transaction.execute(insert(promotions), row | said | {"from_environment": "render_dev"})


def digest_of_pages() -> str:
    """What the pictures show: the templates, the style sheet and what is filled in here."""
    root = Path(__file__).parent.parent
    content = hashlib.sha256(Path(__file__).read_bytes())
    for path in sorted((root / "app/web/pages").iterdir()):
        content.update(path.read_bytes())
    return content.hexdigest()


def main(pictures: Path = Path(__file__).parent.parent / "docs") -> None:
    """Take the pictures."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        servers = Servers(Path(directory))
        try:
            with servers.trio(18) as trio, browser() as context:
                _fill(trio)
                with served(trio) as address:
                    for path, name, size, scheme in _PICTURES:
                        with visited(context, size) as page:
                            page.emulate_media(color_scheme=scheme)
                            page.goto(address + path)
                            save(page, pictures / name)
        finally:
            servers.stop()
    (pictures / "pictures.sha256").write_text(f"{digest_of_pages()}\n", encoding="ascii")


if __name__ == "__main__":
    main()

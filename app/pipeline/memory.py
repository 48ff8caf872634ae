"""What places gave last time, kept in table `fetches`, so that unchanged ones are not read again."""

from collections import defaultdict

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class under a function's name

from app.database import tables
from app.database.handles import WritableDatabase
from app.pipeline import rows
from app.pipeline.sources.fetching import Remembered

_FETCHES = ("source", "place", "reading", "digest", "etag", "last_modified", "links")


class StoredMemory:
    """A `FetchMemory` over a database: read once, written with each source's findings."""

    def __init__(self, database: WritableDatabase) -> None:
        """Load what the last runs left."""
        self._pages: dict[tuple[str, str], Remembered] = {}
        self._fresh: dict[str, dict[str, Remembered]] = defaultdict(dict)
        with database.read() as transaction, transaction.cursor() as cursor:
            cursor.execute("SELECT source, place, reading, digest, etag, last_modified, links FROM fetches")
            for source, place, reading, digest, etag, last_modified, links in cursor.fetchall():
                self._pages[source, place] = Remembered(
                    reading=reading, digest=digest, etag=etag, last_modified=last_modified, links=tuple(links)
                )

    def recall(self, source: str, place: str) -> Remembered | None:
        """What was remembered of the place, or None."""
        return self._pages.get((source, place))

    def remember(self, source: str, place: str, page: Remembered) -> None:
        """Keep this instead, as soon as `keep` is called."""
        if self._pages.get((source, place)) != page:
            self._fresh[source][place] = page

    def keep(self, cursor: Cursor, source: str) -> None:
        """Write what was remembered of a source, in the transaction that stores what it gave."""
        fresh = self._fresh.get(source, {})
        if not fresh:
            return
        cursor.execute("DELETE FROM fetches WHERE source = %s AND place = ANY (%s)", (source, list(fresh)))
        rows.copy(
            cursor,
            tables.fetches,
            _FETCHES,
            (
                (
                    source,
                    place,
                    page.reading,
                    page.digest,
                    page.etag,
                    page.last_modified,
                    rows.array(page.links),
                )
                for place, page in fresh.items()
            ),
        )
        self._pages.update({(source, place): page for place, page in fresh.items()})

    def forget(self, source: str) -> None:
        """Drop what was remembered of a source whose findings are not stored."""
        self._fresh.pop(source, None)

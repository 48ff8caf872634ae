"""Collect: what the sources see now becomes the sightings of the working database."""

import logging
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class under a function's name

from app.database import tables
from app.database.handles import WriteTransaction
from app.errors import AppError
from app.pipeline import ledger, reports, rows
from app.pipeline.event import Finding, Reject, Sighting, Unchanged, Unread
from app.pipeline.seen import Seen, identity_of, key_of, to_json
from app.pipeline.sources.failures import SourceSkippedError
from app.pipeline.stage import Context, Source, Work
from app.pipeline.text import digest

logger = logging.getLogger(__name__)

_SIGHTING = (
    "key",
    "identity",
    "source",
    "place",
    "reference",
    "starts_on",
    "said",
    "digest",
    "first_seen_at",
    "changed_at",
)
_PATIENCE = 3600.0
"""Seconds for one statement: a million sightings take some minutes."""
_WAITING = 2
"""Sources that wait to be stored while the next is read."""
_REJECT = ("key", "source", "place", "line", "reason", "raw", "first_seen_at")


def run(work: Work, context: Context) -> dict[str, int]:
    """Ask every source; one that fails keeps what it gave before, and the others go on."""
    counts = Counter(dict.fromkeys(("found", "new", "changed", "gone", "unchanged", "rejected"), 0))
    # One source is read while the one before is stored, which is mostly the server's work.
    with ThreadPoolExecutor(1, thread_name_prefix="storing") as storing:
        retired = storing.submit(_retire, context)
        stored: list[Future[_Stored]] = []
        for done, source in enumerate(context.sources):
            context.observer.advance("collect", done, len(context.sources))
            if source.name in context.skip:
                continue
            found = _ask(source, context)
            for failure in found.failures:
                work.failures.append(failure)
                context.observer.note("collect", f"{failure} What it gave before stays.")
            if len(stored) >= _WAITING:
                stored[-_WAITING].result()
            stored.append(storing.submit(_store, source.name, found, context))
        for one in map(Future.result, stored):
            counts.update(one.counts)
            work.seen += one.new
            work.rejects += one.rejects
    counts["gone"] += retired.result()
    return {**counts, "reports": _reports(work, context)}


def _store(source: str, found: "_Found", context: Context) -> "_Stored":
    """Store what a source gave, in one transaction."""

    def unit(transaction: WriteTransaction) -> _Stored:
        transaction.allow(_PATIENCE)
        with transaction.cursor() as cursor:
            counts, new = _keep(cursor, source, found, context.now)
            rejects = _keep_rejects(cursor, source, found, context.now)
            if found.whole:
                ledger.mark_collected(transaction, context.run_id, source)
                if context.memory:
                    context.memory.keep(cursor, source)
        return _Stored(counts, new, rejects)

    if context.memory and not found.whole:
        context.memory.forget(source)
    return context.working.write(unit)


def _retire(context: Context) -> int:
    """What sources gave that are no longer listed is gone."""
    listed = [source.name for source in context.sources]

    def unit(transaction: WriteTransaction) -> int:
        with transaction.cursor() as cursor:
            cursor.execute(
                "UPDATE sightings SET gone_at = %s WHERE gone_at IS NULL AND source <> ALL (%s)",
                (context.now, listed),
            )
            return cursor.rowcount

    return context.working.write(unit)


def _reports(work: Work, context: Context) -> int:
    """Visitors' reports; without production what was read before counts."""
    if context.production is None:
        return 0
    try:
        return reports.pull(context.production, context.working)
    except AppError as error:
        work.failures.append(f"visitors' reports: {error}")
        context.observer.note("collect", f"Visitors' reports were not read: {error}")
        return 0


@dataclass(frozen=True, slots=True)
class _Stored:
    """What came of storing it: counts, and what is new."""

    counts: dict[str, int]
    new: list[Seen]
    rejects: list[Reject]


@dataclass(slots=True)
class _Found:
    """What one source gave in this run.

    Attributes:
        sightings: by key; with the digest and the JSON of each.
        rejects: by key.
        standing: places that stand as they were: unchanged, or not readable now.
        failures: what could not be read, for people.
        whole: whether the source came to its end, so that what is missing is gone.
    """

    sightings: dict[str, tuple[str, Sighting, bytes]] = field(default_factory=dict)
    rejects: dict[str, Reject] = field(default_factory=dict)
    standing: set[str] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)
    whole: bool = True


def _ask(source: Source, context: Context) -> _Found:
    found = _Found()
    try:
        for finding in source.findings():
            _take(found, finding)
            if not len(found.sightings) % 1000:
                context.observer.advance("collect", len(found.sightings), None)
    except SourceSkippedError as error:
        found.whole = False
        context.observer.note("collect", str(error))
    except AppError as error:
        found.whole = False
        found.failures.append(str(error))
    except Exception as error:  # whatever a source raises is its own failure, the others go on
        logger.debug("source %s", source.name, exc_info=error)
        found.whole = False
        found.failures.append(f"Source {source.name}: unexpected {type(error).__name__}: {error}")
    return found


def _take(found: _Found, finding: Finding) -> None:
    match finding:
        case Sighting():
            said = to_json(finding)
            key = key_of(finding)
            mark = blake2b(said, digest_size=16).hexdigest()
            # The same reference twice: the digest decides, so that the order in which they come does not.
            if key not in found.sightings or mark < found.sightings[key][0]:
                found.sightings[key] = (mark, finding, said)
        case Reject():
            key = digest(finding.source, finding.place, str(finding.line), finding.reason, finding.raw)
            found.rejects[key] = finding
        case Unchanged():
            found.standing.add(finding.place)
        case Unread():
            found.standing.add(finding.place)
            found.failures.append(f"Source {finding.source}, {finding.place}: {finding.reason}")


def _keep(cursor: Cursor, source: str, found: _Found, now: datetime) -> tuple[dict[str, int], list[Seen]]:
    """Store what differs.

    Returns:
        Counts, and what is new.
    """
    # What stands as it was need not be looked at, but for places that gave something nevertheless.
    passed: list[str] = []
    if found.standing:
        passed += found.standing.difference(said.place for _, said, _ in found.sightings.values())
    cursor.execute(
        "SELECT key, digest, gone_at IS NULL, place FROM sightings WHERE source = %s AND place <> ALL (%s)",
        (source, passed),
    )
    known: dict[str, tuple[str, bool, str]] = {
        key: (mark, live, place) for key, mark, live, place in cursor.fetchall()
    }
    new = [
        Seen(key, identity_of(sighting), now, live=True, said=sighting)
        for key, (_, sighting, _) in found.sightings.items()
        if key not in known
    ]
    changed = [
        key
        for key, (mark, live, _) in known.items()
        if key in found.sightings and (found.sightings[key][0] != mark or not live)
    ]
    gone = [
        key
        for key, (_, live, place) in known.items()
        if live and found.whole and key not in found.sightings and place not in found.standing
    ]
    kept = sum(live and place in found.standing for _, live, place in known.values()) + _live(
        cursor, source, passed
    )
    moment = str(now)
    rows.copy(
        cursor,
        tables.sightings,
        _SIGHTING,
        (
            (
                one.key, one.identity, one.said.source, one.said.place, one.said.reference,
                one.said.start_date, said.decode(), mark, moment, moment,
            )
            for one in new
            for mark, _, said in (found.sightings[one.key],)
        ),
    )  # fmt: skip
    _change(cursor, [(key, *found.sightings[key]) for key in changed], now)
    _mark_gone(cursor, gone, now)
    counts = {
        "found": len(found.sightings) + kept,
        "new": len(new),
        "changed": len(changed),
        "gone": len(gone),
        "unchanged": len(found.sightings) + kept - len(new) - len(changed),
        "rejected": len(found.rejects),
    }
    return counts, new


def _live(cursor: Cursor, source: str, places: list[str]) -> int:
    """How many sightings of these places the source gives."""
    if not places:
        return 0
    cursor.execute(
        "SELECT count(*) FROM sightings WHERE source = %s AND gone_at IS NULL AND place = ANY (%s)",
        (source, places),
    )
    return int(cursor.fetchall()[0][0])


def _change(cursor: Cursor, changed: Iterable[tuple[str, str, Sighting, bytes]], now: datetime) -> None:
    if not changed:
        return
    cursor.execute(
        "CREATE TEMP TABLE said_now (key text, starts_on date, said jsonb, digest text) ON COMMIT DROP"
    )
    rows.copy(
        cursor,
        tables.sightings,
        ("key", "starts_on", "said", "digest"),
        ((key, sighting.start_date, said.decode(), mark) for key, mark, sighting, said in changed),
        into="said_now",
    )
    cursor.execute(
        "UPDATE sightings AS old SET (starts_on, said, digest, changed_at, gone_at) ="
        " ROW (new.starts_on, new.said, new.digest, %s, NULL) FROM said_now AS new WHERE new.key = old.key",
        (now,),
    )


def _mark_gone(cursor: Cursor, keys: list[str], now: datetime) -> None:
    if keys:
        cursor.execute("UPDATE sightings SET gone_at = %s WHERE key = ANY (%s)", (now, keys))


def _keep_rejects(cursor: Cursor, source: str, found: _Found, now: datetime) -> list[Reject]:
    """Store what is new and drop what was mended.

    Returns:
        What is new.
    """
    cursor.execute("SELECT key, place FROM rejects WHERE source = %s", (source,))
    known: dict[str, str] = dict(cursor.fetchall())
    mended = [key for key, place in known.items() if key not in found.rejects and place not in found.standing]
    if mended and found.whole:
        cursor.execute("DELETE FROM rejects WHERE key = ANY (%s)", (mended,))
    new = {key: reject for key, reject in found.rejects.items() if key not in known}
    moment = str(now)
    rows.copy(
        cursor,
        tables.rejects,
        _REJECT,
        ((key, one.source, one.place, one.line, one.reason, one.raw, moment) for key, one in new.items()),
    )
    return list(new.values())

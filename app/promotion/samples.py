"""A few changes of each kind, as both sides have them, for people to look at before they consent."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Final

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class under a function's name

from app.promotion.hashing import Hashing
from app.promotion.plan import Sample, TablePlan
from app.promotion.relation import Relation
from app.promotion.waiting import at_once

_SAMPLES: Final = 3
"""Changes of each kind shown for a table."""


def sampled(
    source: Cursor, destination: Cursor, tables: Sequence[TablePlan], hashing: Hashing
) -> list[TablePlan]:
    """The plans with a few changes of each kind, as both sides have them."""
    kept = {n: table for n, table in enumerate(tables) if table.changes and table.difference.kept}
    if not kept:
        return list(tables)
    here, there, keys = {}, {}, {}
    for n, table in kept.items():
        inserted, updated, deleted = (
            list(islice(rows, _SAMPLES))
            for rows in (table.difference.inserted, table.difference.updated, table.difference.deleted)
        )
        here[n] = [place for *_, place in (*inserted, *updated)]
        there[n] = [*(place for *_, place, _ in updated), *(place for *_, place in deleted)]
        keys[n] = [key for key, *_ in (*inserted, *updated, *deleted)]
    wheres = {
        source: {n: kept[n].relation.at_places("t", places) for n, places in here.items() if places},
        destination: {
            n: kept[n].relation.there.at_places("t", places) for n, places in there.items() if places
        },
    }

    def rows(cursor: Cursor) -> Mapping[tuple[int, int], tuple[str, list[str | None]]]:
        if not wheres[cursor]:
            return {}
        cursor.execute(
            " UNION ALL ".join(
                f"SELECT {n}, {hashing.key(kept[n].relation, 't')}, {kept[n].relation.key_text('t')},"
                f" {kept[n].relation.texts('t')} FROM {kept[n].relation.quoted} AS t WHERE {where}"
                for n, where in wheres[cursor].items()
            )
        )
        return {(n, hash_): (key, values) for n, hash_, key, values in cursor.fetchall()}

    ours, theirs = at_once(rows, [source, destination])
    return [
        replace(
            table,
            samples=tuple(
                _sample(table.relation, theirs.get((n, k)), ours.get((n, k))) for k in keys.get(n, ())
            ),
        )
        for n, table in enumerate(tables)
    ]


def _sample(
    relation: Relation,
    before: tuple[str, Sequence[str | None]] | None,
    after: tuple[str, Sequence[str | None]] | None,
) -> Sample:
    names = [column.name for column in relation.columns]
    (key, _), *_ = (row for row in (after, before) if row)
    was, becomes = (dict(zip(names, row[1], strict=True)) if row else {} for row in (before, after))
    return Sample(key, was, becomes)

"""What both sides are asked first: who they are, what their tables look like, what their hashes give."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class under a function's name

from app.promotion.quoting import literal
from app.promotion.relation import Relation

_SESSION: Final = {
    "client_encoding": "UTF8",
    "standard_conforming_strings": "on",
    "timezone": "UTC",
    "datestyle": "ISO, MDY",
    "intervalstyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "xmloption": "content",
    "jit": "off",
    "row_security": "off",
    "work_mem": "64MB",
    "enable_indexonlyscan": "off",
    "client_connection_check_interval": "1s",
}
"""Whatever could make two servers print or hash one value differently; row_security off makes a hidden row an
error; the last lets a server notice that its client is gone. Index-only scans look faster to the planner than they
are over pages that were written since the last VACUUM."""

PINNED: Final = "SELECT " + ", ".join(
    f"set_config('{name}', '{value}', true)" for name, value in _SESSION.items()
)
"""One statement that pins a transaction's settings."""


def parts(table: str) -> str:
    """SQL for a subquery of the object ids of a table, of its partitions and of what else inherits from it.

    Args:
        table: SQL for its own object id.
    """
    return (
        f"(WITH RECURSIVE parts(o) AS (SELECT {table}::oid UNION"
        " SELECT inhrelid FROM pg_inherits JOIN parts ON inhparent = o) SELECT o FROM parts)"
    )


_COLUMNS: Final = """
SELECT json_agg(json_build_object(
  'name', a.attname,
  'declared', format_type(a.atttypid, a.atttypmod),
  'carrier', format_type(a.atttypid, -1),
  'as_text', t.oid >= 16384 OR t.typsend = 0 OR t.typtype IN ('d', 'c') OR t.typname ~ '^_?reg',
  'sender', CASE WHEN t.typname NOT IN ('text', 'varchar', 'bool', 'int2', 'int4', 'date', 'uuid', 'bytea')
     THEN 'pg_catalog.' || t.typsend END,
  'details', concat_ws(' ',
     (SELECT string_agg(enumlabel, ',' ORDER BY enumsortorder) FROM pg_enum
      WHERE enumtypid IN (t.oid, t.typelem)),
     a.attmissingval::text),
  'required', a.attnotnull,
  'has_default', a.atthasdef OR a.attidentity <> '',
  'generated', a.attgenerated <> '',
  'always', a.attidentity = 'a',
  'parkable', NOT a.attnotnull AND NOT EXISTS (SELECT FROM pg_constraint f
     WHERE f.contype = 'f' AND f.confrelid = c.oid AND a.attnum = ANY (f.confkey))
     AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND a.attnum = ANY (i.indkey)
     AND to_jsonb(i) ->> 'indnullsnotdistinct' = 'true')
) ORDER BY a.attnum)
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"""

_NAMES: Final = """
SELECT json_agg(a.attname ORDER BY k.place) FROM pg_index i, unnest(i.indkey) WITH ORDINALITY AS k(number, place)
JOIN pg_attribute a ON a.attnum = k.number
WHERE i.indrelid = c.oid AND a.attrelid = c.oid AND i.indisprimary AND k.place <= i.indnkeyatts"""

_UNIQUE: Final = """
SELECT json_agg(DISTINCT a.attname) FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid
WHERE i.indrelid = c.oid AND (i.indisunique OR i.indisexclusion) AND i.indimmediate AND NOT i.indisprimary
AND (a.attnum = ANY (i.indkey) OR EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
  AND d.objid = i.indexrelid AND d.refobjid = c.oid AND d.refobjsubid = a.attnum))"""

_SEQUENCES: Final = """
SELECT json_agg(json_build_array(format('%I.%I', sn.nspname, s.relname), a.attname))
FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
JOIN pg_namespace sn ON sn.oid = s.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid
WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
AND d.refobjid = c.oid AND d.deptype IN ('a', 'i')"""

_REFERENCES: Final = f"""
SELECT json_agg(json_build_object('name', f.conname, 'deferrable', f.condeferrable,
  'table', format('"%s"."%s"', replace(rn.nspname, '"', '""'), replace(r.relname, '"', '""'))) ORDER BY f.conname)
FROM pg_constraint f JOIN pg_class r ON r.oid = f.confrelid JOIN pg_namespace rn ON rn.oid = r.relnamespace
WHERE f.contype = 'f' AND f.conparentid = 0
AND f.conrelid IN {parts("c.oid")}"""

_RELATIONS: Final = f"""
SELECT json_agg(json_build_object(
  'schema', n.nspname, 'name', c.relname,
  'oids', (SELECT json_agg(o::bigint ORDER BY o) FROM {parts("c.oid")} AS p),
  'files', (SELECT json_agg(coalesce(pg_relation_filenode(o), 0)::bigint ORDER BY o) FROM {parts("c.oid")} AS p),
  'columns', ({_COLUMNS}), 'key', ({_NAMES}), 'unique', ({_UNIQUE}),
  'acted_upon', EXISTS (SELECT FROM pg_constraint f
     WHERE f.contype = 'f' AND f.confrelid = c.oid AND f.confdeltype <> 'a'),
  'references', ({_REFERENCES}),
  'estimated_rows', greatest(c.reltuples, 0)::bigint,
  'bytes', (SELECT sum(pg_relation_size(o)) FROM {parts("c.oid")} AS p),
  'sequences', ({_SEQUENCES}),
  'triggers', (SELECT json_agg(tgname) FROM pg_trigger
     WHERE tgrelid = c.oid AND NOT tgisinternal AND tgenabled <> 'D')))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND (n.nspname, c.relname) IN (VALUES <names>)"""

_PROBE: Final = """
hashtextextended(hash_record_extended(ROW(1::int2, -2::int4, int8send(3000000000), float4send(1.5), float8send('NaN'),
 numeric_send(12345.678900), numeric_send('NaN'), 'é ß'::text COLLATE "C", bpcharsend('ab'), true, '2026-01-02'::date,
 time_send('03:04:05.6'), timestamptz_send('2026-01-02 03:04:05.6+00'), timestamp_send('infinity'),
 interval_send('1 day 2 hours'), '\\x00ff'::bytea, jsonb_send('{"a": [1.0, null]}'), json_send('{"a" :1}'),
 array_send('{1,NULL,3}'::int4[]), range_send('[1,5)'::int4range), inet_send('10.0.0.1/8'), tsvectorsend('a:1 b:2'),
 point_send('(1,2)'), '00000000-0000-0000-0000-000000000001'::uuid), 7)::text COLLATE "C", 7)::text
 || ' ' || hashtextextended('é' COLLATE "C", 7)"""
"""One value of each common type: equal on both sides means that their hashes may be compared."""


@dataclass(frozen=True)
class Side:
    """One of the two databases.

    Attributes:
        label: environment and host:port/name, for people.
        stamp_id: of its stamp, None without one.
        stamped_as: the environment that its stamp names.
        system_identifier: of its cluster.
        timeline: of its write-ahead log; None on a standby.
        database_oid: of the database.
        version: of the server, as `server_version_num`.
        snapshot_xmin: oldest transaction that was running when the snapshot was taken.
        snapshot_xmax: first transaction id that was not given out then.
        wal: bytes of write-ahead log written until then; 0 on a standby.
        probe: what its hash functions give for known values.
        relations: by qualified name; those that exist.
        unfinished_runs: of the pipeline there.
        runs: ids of the newest runs, newest first.
        last_run: the newest finished run, if any, with its `stages`.
        last_promotion: the newest row of its promotion ledger.
        knowledge: the newest row whose promotion came from the source and says what it proved.
        locked: what the lock expression gave.
    """

    label: str
    stamp_id: str | None
    stamped_as: str | None
    system_identifier: str
    timeline: str | None
    database_oid: int
    version: int
    snapshot_xmin: int
    snapshot_xmax: int
    wal: int
    probe: str
    relations: Mapping[str, Relation] = field(repr=False)
    unfinished_runs: tuple[Mapping[str, Any], ...]
    runs: tuple[str, ...]
    last_run: Mapping[str, Any] | None
    last_promotion: Mapping[str, Any] | None
    knowledge: Mapping[str, Any] | None
    locked: bool


_SIDE: Final = """
SELECT json_build_object(
  'stamp_id', (SELECT stamp_id FROM control.stamp), 'stamped_as', (SELECT environment FROM control.stamp),
  'system_identifier', (SELECT system_identifier::text FROM pg_control_system()),
  'timeline', CASE WHEN NOT pg_is_in_recovery() THEN left(pg_walfile_name(pg_current_wal_lsn()), 8) END,
  'database_oid', (SELECT oid::bigint FROM pg_database WHERE datname = current_database()),
  'version', current_setting('server_version_num')::int,
  'snapshot_xmin', pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
  'snapshot_xmax', pg_snapshot_xmax(pg_current_snapshot())::text::bigint,
  'wal', CASE WHEN pg_is_in_recovery() THEN 0 ELSE (pg_current_wal_lsn() - '0/0')::bigint END,
  'probe', ({probe}),
  'relations', ({relations}),
  'unfinished_runs', (SELECT coalesce(json_agg(json_build_object('id', id, 'started_at', started_at, 'host', host)), '[]')
     FROM control.runs WHERE outcome = 'running'),
  'last_run', (SELECT to_jsonb(r) || jsonb_build_object('stages',
       (SELECT coalesce(jsonb_agg(s ORDER BY s.position), '[]') FROM control.stage_runs s WHERE s.run_id = r.id))
     FROM control.runs r WHERE outcome <> 'running' ORDER BY finished_at DESC LIMIT 1),
  'runs', (SELECT coalesce(json_agg(id), '[]') FROM
     (SELECT id FROM control.runs ORDER BY started_at DESC LIMIT 100) AS r),
  'last_promotion', (SELECT to_json(p) FROM control.promotions p ORDER BY id DESC LIMIT 1),
  'knowledge', (SELECT to_json(p) FROM control.promotions p
     WHERE known->'source'->>'system_identifier' = {cluster} AND known->'source'->>'database_oid' = {database}
     ORDER BY id DESC LIMIT 1),
  'locked', {lock})"""


def describe(
    cursor: Cursor,
    label: str,
    tables: Sequence[tuple[str, str]],
    *,
    lock: str = "false",
    source: Side | None = None,
) -> Side:
    """Ask one side, in one round trip.

    Args:
        cursor: in a transaction with one snapshot.
        label: for people.
        tables: schema and name of the tables to be promoted.
        lock: SQL that takes, or looks for, the advisory lock that tells one database from two.
        source: the other side, when this is the destination.
    """
    names = ", ".join(f"({literal(schema)}, {literal(name)})" for schema, name in tables)
    query = _SIDE.format(
        probe=_PROBE,
        relations=_RELATIONS.replace("<names>", names),
        lock=lock,
        cluster=literal(source.system_identifier if source else ""),
        database=literal(str(source.database_oid) if source else ""),
    )
    # One round trip: the one row of `pinned` is there before anything else is computed, and under this
    # search_path format_type qualifies every type outside pg_catalog.
    cursor.execute(
        f"WITH pinned AS MATERIALIZED ({PINNED}, set_config('search_path', 'pg_catalog', true),"
        f" set_config('application_name', 'dance promotion: compare', true)) {query} FROM pinned"
    )
    row = cursor.fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM has one row
    said: dict[str, Any] = row[0] if isinstance(row[0], dict) else json.loads(row[0])
    relations = [Relation.from_catalog(relation) for relation in said.pop("relations") or ()]
    said["unfinished_runs"] = tuple(said["unfinished_runs"])
    said["runs"] = tuple(said["runs"])
    said["locked"] = bool(said["locked"])
    return Side(label=label, relations={r.quoted: r for r in relations}, **said)

"""Every way of writing through a connection that anybody thought of; tests/test_guards_matrix.py tries them all."""

import io
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from psycopg2 import extensions
from sqlalchemy import Connection, Engine, delete, insert, text, update
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from app.database.handles import ReadOnlyDatabase, WritableDatabase, WriteTransaction

WRITE: Final = "INSERT INTO victim VALUES (floor(random() * 1e9)::int, 'written')"
PENDING: Final = "promised"
PREPARE: Final = f"""
CREATE TABLE victim (id int PRIMARY KEY, note text NOT NULL);
INSERT INTO victim SELECT n, 'untouched' FROM generate_series(1, 9) AS n;
CREATE TABLE doomed AS SELECT * FROM victim;
CREATE TABLE emptied AS SELECT * FROM victim;
CREATE SEQUENCE counter;
CREATE MATERIALIZED VIEW summary AS SELECT count(*) FROM victim;
CREATE FUNCTION writes() RETURNS int LANGUAGE sql VOLATILE AS $$ {WRITE}; SELECT 1 $$;
CREATE FUNCTION definer() RETURNS int LANGUAGE sql VOLATILE SECURITY DEFINER AS $$ {WRITE}; SELECT 1 $$;
CREATE PROCEDURE procedure() LANGUAGE plpgsql AS $$ BEGIN {WRITE}; COMMIT; {WRITE}; END $$;
CREATE ROLE powerful NOLOGIN SUPERUSER;
CREATE TABLE promised (id int);
"""
"""What the attempts find in the database."""
PROMISE: Final = f"BEGIN; INSERT INTO promised VALUES (1); PREPARE TRANSACTION $${PENDING}$$"
"""Somebody else's transaction, which waits for its second phase."""

EFFECT: Final = """
SELECT md5(concat_ws('|',
    (SELECT string_agg(v::text, ',' ORDER BY id) FROM victim v),
    (SELECT string_agg(e::text, ',' ORDER BY id) FROM emptied e),
    (SELECT string_agg(k::text, ',' ORDER BY key) FROM venues k),
    (SELECT count(*) FROM promised),
    (SELECT last_value::text || is_called FROM counter),
    (SELECT count(*) FROM pg_largeobject_metadata),
    (SELECT string_agg(relname || relkind::text || coalesce(reloptions::text, '') || coalesce(relacl::text, ''), ',' ORDER BY c.oid)
     FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname IN ('public', 'control')),
    (SELECT string_agg(relfilenode::text, ',' ORDER BY oid) FROM pg_class WHERE relname IN ('emptied', 'summary')),
    (SELECT string_agg(attname, ',' ORDER BY attrelid, attnum) FROM pg_attribute WHERE attrelid = 'emptied'::regclass),
    (SELECT string_agg(nspname, ',' ORDER BY oid) FROM pg_namespace WHERE nspname !~ '^pg_'),
    (SELECT count(*) FROM pg_description), (SELECT count(*) FROM pg_proc),
    (SELECT string_agg(setconfig::text, ',' ORDER BY setdatabase, setrole) FROM pg_db_role_setting),
    (SELECT string_agg(rolname || rolsuper::text, ',' ORDER BY oid) FROM pg_roles),
    (SELECT count(*) FROM pg_prepared_xacts)))
"""
"""All that may change, as one value, asked from another connection."""


class Base(DeclarativeBase):
    """For the one attempt through the ORM."""


class Victim(Base):
    """The table that all attempts aim at."""

    __tablename__ = "victim"
    id: Mapped[int] = mapped_column(primary_key=True)
    note: Mapped[str]


@dataclass(frozen=True)
class Door:
    """A database as somebody holds it who wants to write."""

    database: ReadOnlyDatabase | WritableDatabase

    @property
    def engine(self) -> Engine:
        """The engine, which only somebody who reaches into the object gets."""
        return self.database._engine  # noqa: SLF001 - the point of the attempt

    def public(self, *statements: str) -> None:
        """The statements through the public door, one by one."""
        database: Any = self.database
        with (database.write if isinstance(database, WritableDatabase) else database.read)() as transaction:
            assert isinstance(transaction, WriteTransaction) == isinstance(database, WritableDatabase)
            with transaction.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)

    def driver(self) -> Any:
        """The driver's connection, which only somebody who reaches into the object gets."""
        return self.engine.raw_connection().driver_connection

    def raw(self, *statements: str) -> None:
        """The statements through the driver's own connection, committed."""
        fairy = self.engine.raw_connection()
        try:
            with fairy.cursor() as cursor:  # type: ignore[attr-defined]  # psycopg2's has it
                for statement in statements:
                    cursor.execute(statement)
            fairy.commit()
        finally:
            with suppress(Exception):
                fairy.close()


@dataclass(frozen=True)
class Attempt:
    """One way of writing.

    Attributes:
        name: what it tries.
        act: tries it; may raise whatever it wants.
        writes: it changes something where nothing guards: the attempt has teeth.
        by_hand: it takes the driver apart on purpose; only the server's privileges stop that.
        statements: what it runs through the public door, if that is all it does.
        passes: the server lets even a reading role do it, because it changes no row.
    """

    name: str
    act: Callable[[Door], None]
    writes: bool = True
    by_hand: bool = False
    statements: tuple[str, ...] = ()
    passes: bool = False


def _sql(name: str, *statements: str, writes: bool = True, passes: bool = False) -> Attempt:
    def act(door: Door) -> None:
        for way in (door.public, door.raw):
            with suppress(Exception):
                way(*statements)
        door.public(*statements)

    return Attempt(name, act, writes=writes, statements=statements, passes=passes)


def _core(name: str, act: Callable[[Connection], object]) -> Attempt:
    def through(door: Door) -> None:
        with door.engine.connect() as connection:
            act(connection)
            connection.commit()

    return Attempt(name, through)


def _options(name: str, **options: Any) -> Attempt:
    return _core(name, lambda connection: connection.execution_options(**options).execute(text(WRITE)))


def _driver(
    name: str, act: Callable[[Any], object], *, writes: bool = True, by_hand: bool = False
) -> Attempt:
    def through(door: Door) -> None:
        driver = door.driver()
        try:
            act(driver)
            if not driver.autocommit:
                driver.commit()
        finally:
            driver.close()

    return Attempt(name, through, writes=writes, by_hand=by_hand)


def _run(driver: Any, *statements: str) -> None:
    with driver.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def _orm(door: Door) -> None:
    with Session(door.engine) as session:
        session.add(Victim(id=1000, note="orm"))
        session.commit()


def _engine_autocommit(door: Door) -> None:
    with door.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text(WRITE))


def _detached(door: Door) -> None:
    with door.engine.connect() as connection:
        connection.detach()
        connection.execute(text(WRITE))
        connection.commit()


def _two_phase(door: Door) -> None:
    with door.engine.connect() as connection:
        transaction = connection.begin_twophase()
        connection.execute(text(WRITE))
        transaction.prepare()
        transaction.commit()


def _reused_after_readonly_option(door: Door) -> None:
    # SQLAlchemy resets the option to False, which is BEGIN READ WRITE for the next user.
    with suppress(Exception), door.engine.connect() as connection:
        connection.execution_options(postgresql_readonly=True).execute(text("SELECT 1"))
    with door.engine.connect() as connection:
        connection.execute(text(WRITE))
        connection.commit()


def _polluted(*statements: str) -> Callable[[Door], None]:
    def act(door: Door) -> None:
        with suppress(Exception):
            door.raw(*statements)
        for _ in range(3):
            with suppress(Exception):
                door.public(WRITE)

    return act


def _polluted_by_hand(door: Door) -> None:
    fairy = door.engine.raw_connection()
    driver: Any = fairy.driver_connection
    with suppress(Exception):
        extensions.cursor(driver).execute("COMMIT; SET default_transaction_read_only = off")
    fairy.close()
    for _ in range(3):
        with suppress(Exception):
            door.public(WRITE)
    door.raw(WRITE)


def _own_cursor(driver: Any, *statements: str) -> None:
    cursor = extensions.cursor(driver)
    for statement in statements:
        cursor.execute(statement)


def _base_session(driver: Any) -> None:
    driver.rollback()
    extensions.connection.set_session(driver, readonly=False)
    _own_cursor(driver, WRITE)


def _own_two_phase(driver: Any) -> None:
    driver.rollback()
    driver.tpc_begin("own")
    _run(driver, WRITE)
    driver.tpc_prepare()
    driver.tpc_commit()


def _after(change: Callable[[Any], object]) -> Callable[[Any], None]:
    def act(driver: Any) -> None:
        with suppress(Exception):
            change(driver)
        _run(driver, WRITE)

    return act


ATTEMPTS: Final = (
    Attempt("ORM: add and commit", _orm),
    _core("Core: insert", lambda c: c.execute(insert(Victim).values(id=1001, note="core"))),
    _core("Core: update", lambda c: c.execute(update(Victim).values(note="core"))),
    _core("Core: delete", lambda c: c.execute(delete(Victim).where(Victim.id == 9))),
    _core("text()", lambda c: c.execute(text(WRITE))),
    _core("exec_driver_sql()", lambda c: c.exec_driver_sql(WRITE)),
    _core("savepoint", lambda c: (c.begin_nested(), c.execute(text(WRITE)))),
    _options("AUTOCOMMIT by option", isolation_level="AUTOCOMMIT"),
    _core(
        "AUTOCOMMIT after postgresql_readonly",
        lambda c: c.execution_options(postgresql_readonly=True).execution_options(isolation_level="AUTOCOMMIT").execute(text(WRITE)),
    ),
    _options("postgresql_readonly=False", postgresql_readonly=False),
    Attempt("AUTOCOMMIT by the engine's options", _engine_autocommit),
    Attempt("detached connection", _detached),
    Attempt("two-phase commit", _two_phase),
    Attempt("connection reused after postgresql_readonly=True", _reused_after_readonly_option),
    _sql("INSERT", WRITE),
    _sql("UPDATE", "UPDATE victim SET note = note || 'x'"),
    _sql("DELETE", "DELETE FROM victim WHERE id = 1"),
    _sql("MERGE", "MERGE INTO victim v USING (SELECT 2 AS id) s ON s.id = v.id WHEN MATCHED THEN UPDATE SET note = v.note || 'm'"),
    _sql("TRUNCATE", "TRUNCATE emptied"),
    _sql("DROP TABLE", "DROP TABLE doomed"),
    _sql("CREATE TABLE", "CREATE TABLE made ()"),
    _sql("CREATE TABLE AS", "CREATE TABLE made_as AS SELECT 1 AS one"),
    _sql("SELECT INTO", "SELECT 1 AS one INTO made_into"),
    _sql("ALTER TABLE", "ALTER TABLE emptied ADD COLUMN more int"),
    _sql("CREATE VIEW", "CREATE VIEW seen AS SELECT 1 AS one"),
    _sql("CREATE INDEX", "CREATE INDEX victim_note ON victim (note)"),
    _sql("CREATE INDEX CONCURRENTLY", "COMMIT", "CREATE INDEX CONCURRENTLY victim_note_too ON victim (note)", writes=False),
    _sql("CREATE SCHEMA", "CREATE SCHEMA another"),
    _sql("COMMENT", "COMMENT ON TABLE victim IS 'commented'"),
    _sql("GRANT", "GRANT UPDATE ON victim TO PUBLIC"),
    _sql("REFRESH MATERIALIZED VIEW", "REFRESH MATERIALIZED VIEW summary"),
    _sql("REINDEX", "REINDEX TABLE victim", writes=False),
    _sql("CLUSTER", "CLUSTER victim USING victim_pkey", writes=False),
    _sql("ALTER ROLE", "ALTER ROLE CURRENT_USER SET default_transaction_read_only = off"),
    _sql("ALTER DATABASE", "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET work_mem = 999', current_database()); END $$"),
    _sql("CTE with INSERT", f"WITH x AS ({WRITE} RETURNING 1) SELECT * FROM x"),
    _sql("EXPLAIN ANALYZE INSERT", f"EXPLAIN ANALYZE {WRITE}"),
    _sql("COPY (INSERT … RETURNING) TO", f"COPY ({WRITE} RETURNING 1) TO PROGRAM 'cat > /dev/null'"),
    _sql("COPY FROM PROGRAM", "COPY victim FROM PROGRAM 'printf \"70\\tcopied\"'"),
    _sql("volatile function", "SELECT writes()"),
    _sql("SECURITY DEFINER function", "SELECT definer()"),
    _sql("CALL of a procedure that commits", "COMMIT", "CALL procedure()", writes=False),
    _sql("DO block", f"DO $$ BEGIN {WRITE}; END $$"),
    _sql("DO block that commits", f"DO $$ BEGIN COMMIT; SET TRANSACTION READ WRITE; {WRITE}; END $$", writes=False),
    _sql("PREPARE and EXECUTE", f"PREPARE p AS {WRITE}", "EXECUTE p"),
    _sql("nextval()", "SELECT nextval('counter')"),
    _sql("setval()", "SELECT setval('counter', 77)"),
    _sql("temporary table", "CREATE TEMPORARY TABLE t (id int)", "INSERT INTO t VALUES (1)", writes=False),
    _sql("SELECT FOR UPDATE", "SELECT * FROM victim FOR UPDATE", writes=False),
    _sql("LOCK TABLE", "LOCK TABLE victim IN ACCESS EXCLUSIVE MODE", writes=False),
    _sql("large object: lo_create()", "SELECT lo_create(0)"),
    _sql("large object: lo_from_bytea()", "SELECT lo_from_bytea(0, 'x')"),
    _sql("pg_logical_emit_message()", "SELECT pg_logical_emit_message(true, 'a', 'b')", writes=False, passes=True),
    _sql("advisory lock", "SELECT pg_advisory_xact_lock(1)", writes=False, passes=True),
    _sql("pg_notify()", "SELECT pg_notify('a', 'b')", writes=False, passes=True),
    _sql("pg_terminate_backend()", "SELECT pg_terminate_backend(0)", writes=False, passes=True),
    _sql("set_config() of anything else", "SELECT set_config('work_mem', '64MB', false)", writes=False, passes=True),
    _sql("pg_export_snapshot()", "SELECT pg_export_snapshot()", writes=False, passes=True),
    _sql("LISTEN", "LISTEN a", writes=False),
    _sql("NOTIFY", "NOTIFY a", writes=False),
    _sql("VACUUM", "COMMIT", "VACUUM victim", writes=False),
    _sql("ANALYZE", "ANALYZE victim", writes=False),
    _sql("PREPARE TRANSACTION", WRITE, "PREPARE TRANSACTION 'left behind'"),
    _sql("COMMIT PREPARED", "COMMIT", f"COMMIT PREPARED $${PENDING}$$", writes=False),
    _sql("SET TRANSACTION READ WRITE first", "SET TRANSACTION READ WRITE", WRITE),
    _sql("the same behind a comment", "/* harmless */ -- really\n SET TRANSACTION READ WRITE", WRITE),
    _sql("the same after a SELECT", "SELECT 1", "SET TRANSACTION READ WRITE", WRITE),
    _sql("set_config() of the transaction", "SELECT set_config('transaction_read_only', 'off', true)", WRITE),
    _sql("set_config() of the session", "SELECT set_config('default_transaction_read_only', 'off', false)", "COMMIT", WRITE),
    _sql("SET LOCAL of the transaction", "SET LOCAL transaction_read_only = off", WRITE),
    _sql("SET of the default, next transaction", "SET default_transaction_read_only = off", "COMMIT", WRITE),
    _sql("SET SESSION CHARACTERISTICS", "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE", "COMMIT", WRITE),
    _sql("COMMIT, BEGIN READ WRITE", "COMMIT", "BEGIN READ WRITE", WRITE, "COMMIT"),
    _sql("the same in one string", f"COMMIT; BEGIN READ WRITE; {WRITE}; COMMIT"),
    _sql("hidden after a SELECT", f"SELECT 1; COMMIT; BEGIN READ WRITE; {WRITE}; COMMIT"),
    _sql("hidden by an escaped quote", f"SELECT E'\\''; COMMIT; BEGIN READ WRITE; {WRITE}; COMMIT; --'"),
    _sql("ROLLBACK AND CHAIN", "ROLLBACK AND CHAIN", "SET TRANSACTION READ WRITE", WRITE),
    _sql("START TRANSACTION", "ROLLBACK", "START TRANSACTION READ WRITE", WRITE, "COMMIT"),
    _sql("RESET ALL", "RESET ALL", WRITE),
    _sql("DISCARD ALL", "COMMIT", "DISCARD ALL", WRITE),
    _sql("SET ROLE", "SET ROLE powerful", WRITE),
    _sql("SET SESSION AUTHORIZATION", "SET SESSION AUTHORIZATION powerful", WRITE),
    _sql("savepoint, then READ WRITE", "SAVEPOINT s", "SET TRANSACTION READ WRITE", WRITE, writes=True),
    _driver("driver: COPY FROM by copy_expert", lambda d: d.cursor().copy_expert("COPY victim FROM STDIN", io.StringIO("71\ta\n"))),
    _driver("driver: copy_from", lambda d: d.cursor().copy_from(io.StringIO("72\ta\n"), "victim")),
    _driver("driver: executemany", lambda d: d.cursor().executemany("INSERT INTO victim VALUES (%s, 'many')", [(73,), (74,)])),
    _driver("driver: callproc", lambda d: d.cursor().callproc("writes")),
    _driver("driver: set_session(readonly=False)", _after(lambda d: d.set_session(readonly=False))),
    _driver("driver: readonly = False", _after(lambda d: setattr(d, "readonly", False))),
    _driver("driver: readonly = None", _after(lambda d: setattr(d, "readonly", None))),
    _driver("driver: autocommit = True", _after(lambda d: setattr(d, "autocommit", True))),
    _driver("driver: set_isolation_level(0)", _after(lambda d: d.set_isolation_level(0))),
    _driver("driver: reset()", _after(lambda d: d.reset())),
    _driver("driver: lobject()", lambda d: d.lobject(0, "w").write(b"x")),
    _driver("driver: tpc_begin()", _own_two_phase),
    _driver("driver: tpc_commit() of another's", lambda d: (d.rollback(), d.tpc_commit(PENDING))),
    _driver("driver: cursor of another factory", lambda d: d.cursor(cursor_factory=extensions.cursor).execute(f"COMMIT; BEGIN READ WRITE; {WRITE}; COMMIT")),
    Attempt("pool polluted by SET", _polluted("SET default_transaction_read_only = off")),
    Attempt("pool polluted by set_config()", _polluted("SELECT set_config('default_transaction_read_only', 'off', false)")),
    Attempt("pool polluted by hand, then the public door", _polluted_by_hand),
    _driver("by hand: the base class's set_session()", _base_session, by_hand=True),
    _driver("by hand: a cursor of one's own", lambda d: _own_cursor(d, f"SELECT 1; COMMIT; BEGIN READ WRITE; {WRITE}; COMMIT"), by_hand=True),
    _driver("by hand: COMMIT, then what follows", lambda d: _own_cursor(d, "SELECT 1", "COMMIT", "BEGIN READ WRITE", WRITE, "COMMIT"), by_hand=True),
)  # fmt: skip

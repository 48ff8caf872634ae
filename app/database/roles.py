"""Least privilege: one role owns a database, one writes it, one reads it. Only this layer no session can undo."""

import secrets
from dataclasses import dataclass
from typing import Final

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class under a function's name
from psycopg2.extensions import encrypt_password
from psycopg2.sql import SQL, Composable, Identifier, Literal

from app.database.handles import ReadTransaction, WriteTransaction

OWNER: Final = "dance_owner"
WRITER: Final = "dance_writer"
READER: Final = "dance_reader"
ROLES: Final = (OWNER, WRITER, READER)
_SCHEMAS: Final = ("public", "control")

_OBJECTS: Final = f"""
    SELECT format('ALTER %%s %%I.%%I OWNER TO {OWNER}',
                  CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
                                 WHEN 'S' THEN 'SEQUENCE' WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END,
                  n.nspname, c.relname)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = ANY (%(schemas)s) AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype IN ('a', 'e', 'i'))
      AND pg_get_userbyid(c.relowner) <> '{OWNER}'
    UNION ALL
    SELECT format('ALTER ROUTINE %%s OWNER TO {OWNER}', p.oid::regprocedure)
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname = ANY (%(schemas)s)
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
      AND pg_get_userbyid(p.proowner) <> '{OWNER}'
    ORDER BY 1
"""  # noqa: S608 - a constant
_DEFINERS: Final = """
    SELECT format('REVOKE EXECUTE ON ROUTINE %%s FROM PUBLIC', p.oid::regprocedure)
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE p.prosecdef AND n.nspname = ANY (%(schemas)s) AND has_function_privilege('public', p.oid, 'EXECUTE')
    ORDER BY 1
"""
_OWNERSHIP: Final = f"""
GRANT {OWNER} TO CURRENT_USER
GRANT CREATE, TEMPORARY ON DATABASE {{database}} TO {OWNER}
GRANT USAGE, CREATE ON SCHEMA public, control TO {OWNER}
ALTER SCHEMA control OWNER TO {OWNER}
"""
_GRANTS: Final = f"""
REVOKE TEMPORARY ON DATABASE {{database}} FROM PUBLIC
REVOKE CREATE ON SCHEMA public, control FROM PUBLIC
GRANT CONNECT ON DATABASE {{database}} TO {OWNER}, {WRITER}, {READER}
GRANT TEMPORARY ON DATABASE {{database}} TO {WRITER}
GRANT USAGE ON SCHEMA public, control TO {WRITER}, {READER}
GRANT SELECT ON ALL TABLES IN SCHEMA public, control TO {WRITER}, {READER}
GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public, control TO {WRITER}
GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA public, control TO {WRITER}
REVOKE INSERT, UPDATE, DELETE ON control.stamp, control.alembic_version FROM {WRITER}
GRANT UPDATE (one) ON control.stamp TO {WRITER}
ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} IN SCHEMA public, control GRANT SELECT ON TABLES TO {WRITER}, {READER}
ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} IN SCHEMA public, control GRANT INSERT, UPDATE, DELETE ON TABLES TO {WRITER}
ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} IN SCHEMA public, control GRANT USAGE, SELECT, UPDATE ON SEQUENCES TO {WRITER}
ALTER ROLE {READER} IN DATABASE {{database}} SET default_transaction_read_only = on
"""  # noqa: S608 - constants
# UPDATE (one): SELECT ... FOR SHARE asks for it; the trigger on the stamp refuses every real UPDATE.

_ABILITIES: Final = """
    SELECT current_user, r.rolsuper,
           ARRAY(SELECT c.oid::regclass::text FROM pg_class c
                 WHERE c.relkind IN ('r', 'p', 'v', 'f') AND c.relnamespace::regnamespace::text = ANY (%(schemas)s)
                   AND has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE') ORDER BY 1),
           has_database_privilege(current_database(), 'TEMPORARY'),
           ARRAY(SELECT n.nspname::text FROM pg_namespace n
                 WHERE n.nspname = ANY (%(schemas)s) AND has_schema_privilege(n.oid, 'CREATE') ORDER BY 1),
           ARRAY(SELECT p.oid::regprocedure::text FROM pg_proc p
                 WHERE p.prosecdef AND p.pronamespace::regnamespace::text = ANY (%(schemas)s)
                   AND has_function_privilege(p.oid, 'EXECUTE') ORDER BY 1),
           current_setting('server_version_num')::int / 10000
    FROM pg_roles r WHERE r.rolname = current_user
"""
_LARGE_OBJECTS_OBEY: Final = 16
"""The first major version in which a read-only transaction can't create large objects."""


@dataclass(frozen=True)
class Abilities:
    """What the connected role could do if every softer guard failed.

    Attributes:
        role: its name.
        superuser: nothing binds it.
        writable: tables that it may change.
        temporary: whether it may create temporary tables.
        creates: schemas in which it may create objects.
        definers: functions that it may run with their owner's privileges.
        version: the server's major version.
    """

    role: str
    superuser: bool
    writable: tuple[str, ...]
    temporary: bool
    creates: tuple[str, ...]
    definers: tuple[str, ...]
    version: int

    @property
    def reads_only(self) -> bool:
        """Whether the server itself would refuse this role every write."""
        return not (self.superuser or self.writable or self.temporary or self.creates or self.definers)

    def __str__(self) -> str:
        """For people: what holds, or what doesn't and the remedy."""
        old = (
            ""
            if self.version >= _LARGE_OBJECTS_OBEY
            else (
                f" PostgreSQL {self.version} lets a read-only transaction create large objects: use 16 or newer."
            )
        )
        if self.reads_only:
            return f"{self.role} can only read: the server refuses it every write.{old}"
        can = "do everything (superuser)" if self.superuser else ", ".join(filter(None, (
            f"write {len(self.writable)} tables" if self.writable else "",
            "create temporary tables" if self.temporary else "",
            f"create objects in {', '.join(self.creates)}" if self.creates else "",
            f"run {', '.join(self.definers)} as their owner" if self.definers else "",
        )))  # fmt: skip
        return (
            f"{self.role} could {can}: only the softer layers (read-only transactions, pinned sessions) hold. "
            f"`dance roles` makes a role that can only read; name it in RENDER_READER_DB_URL.{old}"
        )


def abilities_of(transaction: ReadTransaction) -> Abilities:
    """Attest what the connected role can really do, in one round trip."""
    with transaction.cursor() as cursor:
        cursor.execute(_ABILITIES, {"schemas": list(_SCHEMAS)})
        row = cursor.fetchone()
    assert row is not None  # noqa: S101 - the connected role has its row
    role, superuser, writable, temporary, creates, definers, version = row
    return Abilities(role, superuser, tuple(writable), temporary, tuple(creates), tuple(definers), version)


def statements_for(transaction: ReadTransaction) -> list[str]:
    """The SQL that brings a database's privileges to the three roles; running it again changes nothing.

    Creates no password: see `set_password`.
    """
    with transaction.cursor() as cursor:
        cursor.execute("SELECT rolname FROM pg_roles WHERE rolname = ANY (%s)", (list(ROLES),))
        there = {name for (name,) in cursor.fetchall()}
        cursor.execute("SELECT format('%I', current_database())")
        ((database,),) = cursor.fetchall()
        return [
            *(f"CREATE ROLE {role} LOGIN" for role in ROLES if role not in there),
            *_OWNERSHIP.format(database=database).strip().splitlines(),
            *_asked(cursor, _OBJECTS),
            *_GRANTS.format(database=database).strip().splitlines(),
            *_asked(cursor, _DEFINERS),
        ]


def apply(transaction: WriteTransaction, statements: list[str]) -> None:
    """Run what `statements_for` returned, all of it or nothing."""
    with transaction.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def set_password(transaction: WriteTransaction, role: str) -> str:
    """Give a role a new random password; the server gets its SCRAM verifier only, and so does its log.

    Returns:
        The password: for a URL in a file, never for a screen.
    """
    password = secrets.token_urlsafe(24)
    with transaction.cursor() as cursor:
        verifier = encrypt_password(password, role, cursor.connection, "scram-sha-256")
        statement: Composable = SQL("ALTER ROLE {} PASSWORD {}").format(Identifier(role), Literal(verifier))
        cursor.execute(statement)
    return password


def _asked(cursor: Cursor, question: str) -> list[str]:
    cursor.execute(question, {"schemas": list(_SCHEMAS)})
    return [statement for (statement,) in cursor.fetchall()]

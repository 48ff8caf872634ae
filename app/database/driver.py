"""The driver's connection as a reader gets it: once pinned, nothing short of the server's own word undoes it.

`postgresql_readonly=True` alone is no guard: a raw connection, AUTOCOMMIT set after it, or a pooler
that drops libpq's `options` all write. So the flag is set in the driver, and every way the driver
has to take it back refuses.
"""

import re
from typing import Any, Final, Literal, NoReturn, final

from psycopg2.extensions import STATUS_BEGIN, TRANSACTION_STATUS_IDLE
from psycopg2.sql import Composable

from app.database.deadline import DeadlineConnection, DeadlineCursor
from app.errors import Refused

READ_ONLY_DEFAULT: Final = "default_transaction_read_only"
"""The parameter that libpq reports without being asked, from PostgreSQL 14 on."""

_READS: Final = frozenset({
    "CLOSE", "COPY", "DECLARE", "EXPLAIN", "FETCH", "MOVE", "RELEASE", "ROLLBACK TO", "SAVEPOINT",
    "SELECT", "SET LOCAL", "SHOW", "TABLE", "VALUES", "WITH",
})  # fmt: skip
_QUOTED: Final = re.compile(
    r"""'[^']*(?:''[^']*)*' | "[^"]*(?:""[^"]*)*" | (?<![\w$])\$(?P<tag>(?:[A-Za-z_]\w*)?)\$.*?\$(?P=tag)\$ | --[^\n]* | /\*.*?\*/""",
    re.DOTALL | re.VERBOSE,
)
_FIRST_WORDS: Final = re.compile(r"[\s(]*(SET\s+LOCAL|ROLLBACK\s+TO|\w*)", re.IGNORECASE)


class ReaderWritesError(Refused):
    """This was opened to read. Open a writer (`open_writer`) for what has to write."""


@final
class OwnStatement(str):
    """A statement of this package that opens a transaction; no caller's text is in it."""

    __slots__ = ()


class ReadOnlyCursor(DeadlineCursor):
    """Takes one reading statement at a time.

    What the text says is only a tripwire with a better message than the server's; the wall is the
    server's read-only transaction. It stops what would end that transaction: COMMIT, a second
    statement after a semicolon, SET for the session, LOCK.
    """

    connection: "ReadOnlyConnection"

    def execute(self, query: str | bytes | Composable, vars: Any = None) -> None:  # noqa: A002 - the driver's name
        """Run one reading statement.

        Raises:
            ReaderWritesError: it is something else, or the session was made writable.
        """
        self._inspect(query)
        super().execute(query, vars)

    def executemany(self, query: str | bytes | Composable, vars_list: Any) -> None:
        """Run one reading statement for each set of values."""
        self._inspect(query)
        super().executemany(query, vars_list)

    def copy_expert(self, sql: str | bytes | Composable, file: Any, size: int = 8192) -> None:
        """COPY … TO STDOUT; the server refuses COPY … FROM."""
        self._inspect(sql)
        super().copy_expert(sql, file, size)

    def copy_from(self, *_: Any, **__: Any) -> NoReturn:
        """Refused: it writes."""
        raise ReaderWritesError

    def _inspect(self, query: str | bytes | Composable) -> None:
        if isinstance(query, OwnStatement):
            return
        self.connection.stay_read_only()
        if isinstance(query, Composable):
            query = query.as_string(self)
        refuse_unless_it_reads(query.decode("utf-8", "replace") if isinstance(query, bytes) else query)


class ReadOnlyConnection(DeadlineConnection):
    """A psycopg2 connection that can be pinned to READ ONLY transactions."""

    _pinned = False
    _default_held = False

    def hold_default(self) -> bool:
        """Remember whether the server took the read-only default from the startup options.

        Returns:
            False behind a pooler that dropped them: only READ ONLY transactions protect then.
        """
        self._default_held = self.info.parameter_status(READ_ONLY_DEFAULT) == "on"
        return self._default_held

    def pin(self) -> None:
        """Begin every transaction READ ONLY until `unpin`; costs no round trip."""
        super().set_session(readonly=True)
        self._pinned = True

    def unpin(self) -> None:
        """Allow autocommit again, which the proof at checkout needs."""
        self._pinned = False
        super().set_session(readonly="default")  # None would leave it as it is

    @property
    def default_lost(self) -> bool:
        """Whether somebody switched the session's read-only default off; costs no round trip."""
        return self._default_held and self.info.parameter_status(READ_ONLY_DEFAULT) != "on"

    def stay_read_only(self) -> None:
        """Refuse to go on in a session that is not as it was pinned.

        Raises:
            ReaderWritesError: its default was switched, or its transaction was ended by text.
        """
        ended = self.status == STATUS_BEGIN and self.info.transaction_status == TRANSACTION_STATUS_IDLE
        if self._pinned and (self.default_lost or ended):
            raise ReaderWritesError(
                "A statement made this session writable or ended its transaction; it is not used any further. "
                f"{ReaderWritesError.__doc__}"
            )

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        """A cursor of the reading kind, whatever factory is asked for."""
        factory = kwargs.pop("cursor_factory", None) or ReadOnlyCursor
        if not issubclass(factory, ReadOnlyCursor):
            raise ReaderWritesError
        return super().cursor(*args, cursor_factory=factory, **kwargs)

    def set_session(self, *args: Any, **kwargs: Any) -> None:
        """Refused while pinned."""
        self._refuse_when_pinned()
        super().set_session(*args, **kwargs)

    def set_isolation_level(self, level: int | None) -> None:
        """Any level but autocommit, which has no transaction to be READ ONLY."""
        if level == 0:
            self._refuse_when_pinned()
        super().set_isolation_level(level)

    @property
    def readonly(self) -> bool | None:
        """Whether transactions begin READ ONLY."""
        return super().readonly

    @readonly.setter
    def readonly(self, value: Literal["default"] | bool | None) -> None:
        if value is not True:
            self._refuse_when_pinned()
        super().set_session(readonly="default" if value is None else value)

    @property
    def autocommit(self) -> bool:
        """Whether the driver begins no transactions."""
        return super().autocommit

    @autocommit.setter
    def autocommit(self, value: bool) -> None:
        if value:
            self._refuse_when_pinned()
        super().set_session(autocommit=value)

    def reset(self) -> None:
        """Roll back and forget every setting of the session; the pin stays."""
        super().reset()
        if self._pinned:
            self.pin()

    def lobject(self, *_: Any, **__: Any) -> NoReturn:
        """Refused: the driver's large objects bypass SQL, and PostgreSQL 15 let them write."""
        raise ReaderWritesError

    def tpc_begin(self, *_: Any) -> NoReturn:
        """Refused: a prepared transaction outlives its session."""
        raise ReaderWritesError

    def tpc_commit(self, *_: Any) -> NoReturn:
        """Refused: it would commit what another session prepared."""
        raise ReaderWritesError

    def tpc_rollback(self, *_: Any) -> NoReturn:
        """Refused: it would undo what another session prepared."""
        raise ReaderWritesError

    def _refuse_when_pinned(self) -> None:
        if self._pinned:
            raise ReaderWritesError


def refuse_unless_it_reads(statement: str) -> None:
    r"""Refuse a text that is not one reading statement; a tripwire, never the only layer.

    Values belong in parameters: a text with `\'` in it can't be told apart from a trick.

    Raises:
        ReaderWritesError: naming the word, or the second statement.
    """
    if "\\'" in statement:
        raise ReaderWritesError(
            f"A backslash before a quote: pass the value as a parameter. {ReaderWritesError.__doc__}"
        )
    bare = _QUOTED.sub(" ", statement).rstrip("; \t\r\n")
    found = _FIRST_WORDS.match(bare)
    words = " ".join(found[1].upper().split()) if found else ""
    if words and words not in _READS:
        raise ReaderWritesError(f"{words} is no reading statement. {ReaderWritesError.__doc__}")
    if ";" in bare:
        raise ReaderWritesError(
            f"One statement at a time, there is text after a semicolon. {ReaderWritesError.__doc__}"
        )

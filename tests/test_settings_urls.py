"""Database URLs: whatever is accepted, SQLAlchemy, libpq and urllib read alike (DR006)."""

import socket
from urllib.parse import unquote, urlsplit

import psycopg2
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from psycopg2.extensions import parse_dsn
from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2
from sqlalchemy.engine import Dialect, make_url

from settings import ConfigurationError, DatabaseSettings, Rule
from settings.urls import DatabaseUrl, Flaw, parse

PRINTABLE = st.characters(min_codepoint=33, max_codepoint=126)
HOSTS = st.sampled_from(["host", "db.example.org", "192.0.2.1", "[2001:db8::1]", "dpg-x-a"])


def readings(text: str) -> set[tuple[str | None, ...]]:
    """How the three programs read a URL: user, password, host, port, name; a failure is a reading too."""
    found: set[tuple[str | None, ...]] = set()
    try:
        url = make_url(text)
        found.add((url.username, url.password or None, url.host, str(url.port or ""), url.database))
    except Exception as error:  # noqa: BLE001 - whatever it raises, it cannot read this
        found.add(("sqlalchemy", type(error).__name__))
    try:
        dsn = parse_dsn(text)
        found.add(
            (dsn.get("user"), dsn.get("password"), dsn.get("host"), dsn.get("port", ""), dsn.get("dbname"))
        )
    except psycopg2.ProgrammingError:
        found.add(("libpq",))
    try:
        parts = urlsplit(text)
        user, password = (part and unquote(part) for part in (parts.username, parts.password))
        found.add((user, password or None, parts.hostname, str(parts.port or ""), parts.path[1:]))
    except ValueError:
        found.add(("urllib",))
    return found


@given(
    user=st.text(PRINTABLE, min_size=1, max_size=8),
    word=st.text(PRINTABLE, max_size=8),
    host=HOSTS,
    port=st.sampled_from(["", ":5432", ":1"]),
    name=st.text(PRINTABLE, min_size=1, max_size=8),
)
@example(user="u", word="p@ss", host="host", port="", name="d")
@example(user="u", word="p/ss", host="host", port="", name="d")
@example(user="u", word="%41%2f", host="host", port="", name="d")
@settings(max_examples=1000, deadline=None)
def test_what_is_accepted_is_read_alike_by_all(user: str, word: str, host: str, port: str, name: str) -> None:
    """Any text that looks like a URL either is refused or means one thing."""
    text = f"postgresql://{user}:{word}@{host}{port}/{name}"
    url = parse(text)
    if isinstance(url, DatabaseUrl):
        assert len(readings(text)) == 1, readings(text)
        assert (url.name, url.hosts[0].name) == (urlsplit(text).path[1:], urlsplit(text).hostname)
        assert len(readings(url.text(tls=False).replace("+psycopg2", ""))) == 1


@given(letter=PRINTABLE)
@settings(max_examples=200, deadline=None)
def test_a_letter_in_a_password_is_refused_only_when_readings_differ(letter: str) -> None:
    """Nobody is asked to encode what every program reads alike."""
    text = f"postgresql://user:pass{letter}word@host/name"
    if len(readings(text)) == 1:
        assert isinstance(parse(text), DatabaseUrl)


@pytest.mark.parametrize(
    ("given_url", "arguments"),
    [
        ("postgres://u:p%40@h:1/d", {"user": "u", "password": "p@", "host": "h", "port": 1, "dbname": "d"}),
        ("postgresql://u@one:1,two/d", {"user": "u", "host": "one,two", "port": "1,5432", "dbname": "d"}),
        ("postgresql://[::1],two:2/d", {"host": "::1,two", "port": "5432,2", "dbname": "d"}),
        ("postgresql://u@%2Ftmp:7/d", {"user": "u", "host": "/tmp", "port": "7", "dbname": "d"}),  # noqa: S108 - a socket
        ("postgresql://u@/d?host=/tmp", {"user": "u", "host": "/tmp", "dbname": "d"}),  # noqa: S108 - a socket
        ("postgresql:///d", {"dbname": "d"}),
        ("postgresql:///d?host=%2Ftmp&port=7", {"host": "/tmp", "port": "7", "dbname": "d"}),  # noqa: S108 - a socket
        ("postgresql:///d?host=%2ftmp", {"host": "/tmp", "dbname": "d"}),  # noqa: S108 - a socket
        ("postgresql+psycopg2:///d?host=::1,two&port=1,2", {"host": "::1,two", "port": "1,2", "dbname": "d"}),
        (
            "postgresql+psycopg2://u@/d?host=one,two&port=1,2&sslmode=require",
            {"user": "u", "host": "one,two", "port": "1,2", "dbname": "d", "sslmode": "require"},
        ),
    ],
)
def test_sqlalchemy_gives_psycopg2_what_was_meant(given_url: str, arguments: dict[str, object]) -> None:
    """Several hosts and sockets, too, arrive at libpq as they were written."""
    url = parse(given_url)
    assert isinstance(url, DatabaseUrl)
    dialect: Dialect = PGDialect_psycopg2()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped
    _, received = dialect.create_connect_args(make_url(url.text(tls=False)))
    assert received == arguments


@pytest.mark.parametrize("port", [1, 5432, 65535])
def test_every_port_is_a_port(port: int) -> None:
    """From the first to the last; the oracle has those beyond."""
    url = parse(f"postgresql://user@host:{port}/name")
    assert isinstance(url, DatabaseUrl)
    assert url.hosts[0].port == port


@pytest.mark.parametrize(
    "text",
    [
        "postgres://u@h/d",
        "postgresql://u@one:1,two:2/d?sslmode=require",
        "postgresql://u@%2Ftmp/d",
        "postgresql:///d",
    ],
)
def test_normalising_twice_changes_nothing(text: str) -> None:
    """A normalised URL is itself acceptable, so that settings can be made from settings."""
    once = parse(text)
    assert isinstance(once, DatabaseUrl)
    twice = parse(once.text(tls=True))
    assert isinstance(twice, DatabaseUrl)
    assert twice.text(tls=True) == once.text(tls=True)


def test_a_label_names_the_place_and_nobody() -> None:
    """What people and logs see has no user and no password."""
    url = parse("postgresql://user:password@[::1]:5433,db.example.org/name?application_name=x")
    assert isinstance(url, DatabaseUrl)
    assert url.label == "[::1]:5433,db.example.org/name"
    assert repr(url) == "<DatabaseUrl [::1]:5433,db.example.org/name>"


def test_every_flaw_of_a_url_is_told() -> None:
    """Flaws that do not hide each other are told together, and name known keys only."""
    flaws = parse("postgresql://user@host:x?dbname=other&hostaddr=1&password=x&colour=red")
    assert isinstance(flaws, list)
    assert {flaw.rule for flaw in flaws} == {
        Rule.URL_PORT,
        Rule.URL_DATABASE,
        Rule.URL_REDIRECTED,
        Rule.URL_QUERY,
    }
    assert "?dbname, ?hostaddr, ?password" in " ".join(flaw.problem for flaw in flaws)
    assert "colour" not in " ".join(flaw.problem for flaw in flaws)


@given(st.text(min_size=1).filter(str.strip))
@example("postgresql://")
@example("postgresql://@/")
@example("postgresql://[")
@example("postgresql://u:p@%2F%ff/d")
@example("postgresql:///d?host=%2F%zz")
@settings(max_examples=500, deadline=None)
def test_any_text_is_read_without_an_exception(text: str) -> None:
    """Garbage is a finding, never a traceback."""
    for candidate in (
        text,
        f"postgresql://{text}",
        f"postgresql://u:p@h/d?{text}",
        f"postgresql://u:p@{text}/d",
    ):
        if candidate.strip():
            url = parse(candidate)
            assert isinstance(url, DatabaseUrl) or all(isinstance(flaw, Flaw) for flaw in url)


def test_where_a_url_leads_is_where_libpq_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    """`PGHOSTADDR` really would lead a URL elsewhere, and is refused for that."""
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        port = elsewhere.getsockname()[1]
        elsewhere.settimeout(5)
        monkeypatch.setenv("PGHOSTADDR", "127.0.0.1")
        text = f"postgresql://user@198.51.100.1:{port}/name"  # an address for documentation: nobody is there
        connecting = psycopg2.connect(f"{text}?connect_timeout=2&sslmode=disable", async_=True)
        arrived, _ = elsewhere.accept()
        arrived.close()
        connecting.close()
    with pytest.raises(ConfigurationError, match="PGHOSTADDR") as caught:
        DatabaseSettings.from_environ({"DATABASE_CONNECTION_STRING": text, "PGHOSTADDR": "127.0.0.1"})
    assert [finding.rule for finding in caught.value.findings] == [Rule.AMBIENT]

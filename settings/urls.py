"""Database URLs, read so that SQLAlchemy, libpq and urllib cannot disagree about them (DR006, DR007)."""

import ipaddress
import re
from typing import Final, NamedTuple
from urllib.parse import quote, unquote, unquote_to_bytes

from settings.findings import Rule

SCHEMES: Final = ("postgres", "postgresql", "postgresql+psycopg2")
SHAPE: Final = "postgresql://user:password@host:5432/name"
DEFAULT_PORT: Final = 5432
LAST_PORT: Final = 65535
TLS_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
PLAINTEXT_MODES: Final = frozenset({"disable", "allow", "prefer"})
REDIRECTING_KEYS: Final = frozenset(
    {"host", "hostaddr", "port", "dbname", "user", "password", "passfile", "service", "servicefile"},
)
# libpq's other connection parameters (PostgreSQL 18 documentation, section 32.1.2), none of which is secret.
HARMLESS_KEYS: Final = frozenset(
    [
        "application_name",
        "channel_binding",
        "client_encoding",
        "connect_timeout",
        "fallback_application_name",
        "gssdelegation",
        "gssencmode",
        "gsslib",
        "keepalives",
        "keepalives_count",
        "keepalives_idle",
        "keepalives_interval",
        "krbsrvname",
        "load_balance_hosts",
        "options",
        "require_auth",
        "requirepeer",
        "ssl_max_protocol_version",
        "ssl_min_protocol_version",
        "sslcert",
        "sslcertmode",
        "sslcompression",
        "sslcrl",
        "sslcrldir",
        "sslkey",
        "sslmode",
        "sslnegotiation",
        "sslrootcert",
        "sslsni",
        "target_session_attrs",
        "tcp_user_timeout",
    ],
)

_ENCODE: Final = "percent-encode the user and the password"
# Every printable character that all three programs take alike. The ranges are spelled out because re takes
# milliseconds to compile a negated set beyond ASCII, and every start pays for it.
_GRAMMAR: Final = re.compile(
    r"""(?:(?P<user>[!"$-.0-9;->A-Z\\^-~]+)(?::(?P<password>[!"$-.0->A-Z\\^-~]*))?@)?"""
    r"""(?P<hosts>[^/?@#]*)(?:/(?P<name>[^?@#]*))?(?:\?(?P<query>[^@#]*))?""",
)
_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|%2[Ff][\w.%/-]*|[A-Za-z0-9_][\w.-]*)(?::(.*))?", re.ASCII)
# A name with "=" is a whole connection string to psql and pg_dump.
_NAME: Final = re.compile(r"[!-$&-.0-<>A-~]+")
# A plus is a blank to SQLAlchemy only.
_VALUE: Final = re.compile(r"[!-*,-<>-~]+")
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})|%00")


class Flaw(NamedTuple):
    """What is wrong with a URL, in words that never contain any of it."""

    rule: Rule
    problem: str


class Host(NamedTuple):
    """One server of a URL; the empty name is the default socket, a name with a slash a socket's directory."""

    name: str
    port: int | None

    @property
    def is_loopback(self) -> bool:
        """Whether it is this machine: a socket, `localhost`, 127.0.0.0/8 or ::1."""
        return _canonical(self.name) == "localhost" or self.name.startswith("/")


class DatabaseUrl:
    """A URL that every program reads the same way.

    Attributes:
        hosts: Its servers, in order; more than one means failover between nodes of one database.
        name: The name of the database.
        has_user: Whether it names a role.
    """

    __slots__ = ("_credentials", "_query", "has_user", "hosts", "name")

    def __init__(self, credentials: str, hosts: tuple[Host, ...], name: str, query: tuple[str, ...]) -> None:
        self._credentials = credentials
        self._query = query
        self.hosts = hosts
        self.name = name
        self.has_user = bool(credentials)

    def __repr__(self) -> str:
        """Where it leads, without the credentials."""
        return f"<DatabaseUrl {self.label}>"

    @property
    def label(self) -> str:
        """`host:port/name`: for people and logs; no user, no password."""
        return ",".join(map(_place, self.hosts)) + "/" + self.name

    @property
    def is_remote(self) -> bool:
        """Whether any of its servers is another machine."""
        return not all(host.is_loopback for host in self.hosts)

    @property
    def is_loopback(self) -> bool:
        """Whether all of its servers are this machine."""
        return not self.is_remote

    @property
    def tls_mode(self) -> str | None:
        """Its `sslmode`."""
        return next((item[8:] for item in self._query if item.startswith("sslmode=")), None)

    @property
    def locations(self) -> frozenset[tuple[str, int, str]]:
        """Canonical (host, port, name) of each server: two URLs that share one are the same database."""
        return frozenset((_canonical(host.name), host.port or DEFAULT_PORT, self.name) for host in self.hosts)

    def text(self, *, tls: bool) -> str:
        """The URL for SQLAlchemy, password included.

        Args:
            tls: Whether to ask for `sslmode=require` where the URL says nothing.
        """
        query = list(self._query)
        if tls and self.tls_mode is None:
            query.append("sslmode=require")
        first, *others = self.hosts
        authority = ""
        if others:
            query[:0] = [
                "host=" + ",".join(host.name for host in self.hosts),
                "port=" + ",".join(str(host.port or DEFAULT_PORT) for host in self.hosts),
            ]
        elif first.name.startswith("/"):
            query[:0] = ["host=" + quote(first.name)] + ([f"port={first.port}"] if first.port else [])
        else:
            authority = _place(first)
        tail = "?" + "&".join(query) if query else ""
        return f"postgresql+psycopg2://{self._credentials}{authority}/{self.name}{tail}"


def parse(given: str) -> DatabaseUrl | list[Flaw]:
    """Read a URL strictly.

    Args:
        given: The text of a variable that is not blank.

    Returns:
        The URL, or every flaw that can be told apart.
    """
    text = given.strip()
    if text[0] in "\"'":
        return [Flaw(Rule.URL_QUOTED, "is wrapped in quotes, which are part of the value")]
    scheme, found, rest = text.partition("://")
    if not found or scheme not in SCHEMES:
        return [Flaw(Rule.URL_SCHEME, "is not a PostgreSQL URL")]
    match = _GRAMMAR.fullmatch(rest)
    if match is None or _badly_escaped(match["user"]) or _badly_escaped(match["password"]):
        return [Flaw(Rule.URL_AMBIGUOUS, f"is read differently by different programs: {_ENCODE}")]
    credentials = rest[: match.start("hosts")]
    flaws: list[Flaw] = []
    query = _query(match["query"], flaws)
    hosts = _hosts(match["hosts"], query, flaws, sqlalchemy=scheme == SCHEMES[2])
    if not match["name"]:
        flaws.append(Flaw(Rule.URL_DATABASE, "names no database"))
    elif not _NAME.fullmatch(match["name"]):
        flaws.append(Flaw(Rule.URL_DATABASE, "has a database name that programs read differently"))
    if redirecting := sorted(REDIRECTING_KEYS.intersection(query)):
        flaws.append(
            Flaw(Rule.URL_REDIRECTED, f"leads elsewhere than it says, by ?{', ?'.join(redirecting)}")
        )
    if flaws:
        return flaws
    return DatabaseUrl(
        credentials, hosts, match["name"], tuple(f"{key}={value}" for key, value in query.items())
    )


def _badly_escaped(part: str | None) -> bool:
    if part is None or "%" not in part:
        return False
    if _BAD_ESCAPE.search(part):
        return True
    try:
        unquote_to_bytes(part).decode()
    except UnicodeDecodeError:
        return True
    return False


def _query(text: str | None, flaws: list[Flaw]) -> dict[str, str]:
    """The parameters, still encoded."""
    query: dict[str, str] = {}
    problem = None
    for item in text.split("&") if text else ():
        key, _, value = item.partition("=")
        if key not in HARMLESS_KEYS and key not in REDIRECTING_KEYS:
            problem = "has a query parameter that PostgreSQL does not know"
        elif key in query:
            problem = f"gives the query parameter {key} twice"
        elif not _VALUE.fullmatch(value):
            problem = f"has a query parameter {key} that programs read differently: percent-encode its value"
        elif _badly_escaped(value):
            problem = f"has a query parameter {key} that is not percent-encoded properly"
        elif key == "sslmode" and value not in TLS_MODES:
            problem = f"has an sslmode that is none of {', '.join(TLS_MODES)}"
        query[key] = value
    if problem is not None:
        flaws.append(Flaw(Rule.URL_QUERY, problem))
    return query


def _hosts(text: str, query: dict[str, str], flaws: list[Flaw], *, sqlalchemy: bool) -> tuple[Host, ...]:
    """The servers; those that stand in the query where the authority has none are taken out of it."""
    if not text and "host" in query:
        names = unquote(query["host"])
        ports = query.get("port", "")
        if names.startswith("/") and "," not in names:
            del query["host"]
            query.pop("port", None)
            text = quote(names, safe="") + (f":{ports}" if ports else "")
        elif sqlalchemy and names.count(",") == ports.count(",") > 0:
            del query["host"], query["port"]
            pairs = zip(names.split(","), ports.split(","), strict=True)
            text = ",".join(f"[{name}]:{port}" if ":" in name else f"{name}:{port}" for name, port in pairs)
    hosts: list[Host] = []
    for item in text.split(","):
        match = _HOST.fullmatch(item)
        if match is None and (item or "," in text):
            flaws.append(Flaw(Rule.URL_HOST, "has a host that is not a name, an address or a socket"))
            break
        name, port = ("", None) if match is None else match.groups()
        if port is not None and not (port.isascii() and port.isdigit() and 0 < int(port) <= LAST_PORT):
            flaws.append(Flaw(Rule.URL_PORT, "has a port that is not a number from 1 to 65535"))
            break
        hosts.append(Host(_host_name(name), None if port is None else int(port)))
    return tuple(hosts)


def _host_name(text: str) -> str:
    if text.startswith("["):
        return text[1:-1]
    return unquote(text)


def _place(host: Host) -> str:
    name = f"[{host.name}]" if ":" in host.name else host.name
    return name if host.port is None else f"{name}:{host.port}"


def _canonical(host: str) -> str:
    """One name for one server: loopback and the default socket are `localhost`, Render's two names are the id."""
    name = host.lower().rstrip(".")
    if name.startswith("dpg-"):
        label, _, domain = name.partition(".")
        return label if not domain or domain.endswith("render.com") else name
    if not name or name.endswith(".localhost") or name.startswith("127."):
        return "localhost"
    if ":" in name:
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return name
        return "localhost" if address.is_loopback else str(address)
    return name

"""What must come of an environment, from the design's tables alone (sections 2 and 3), never from the code.

An environment is drawn as what it means (which database, how remote, which flaw) together with how that is written;
the expectation is computed from the meaning and never reads the text.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, product
from typing import Any, Final, TypeVar

T = TypeVar("T")
Choose = Callable[[Sequence[Any]], Any]

# --- The design's tables, as data.

TARGETS: Final = ("local", "render_dev", "render_prod")
WRITES: Final = {  # section 2: target -> on Render -> the variables, in order
    ("local", False): ("DATABASE_CONNECTION_STRING",),
    ("local", True): ("DATABASE_CONNECTION_STRING",),
    ("render_dev", False): ("RENDER_DEV_EXTERNAL_DB_URL",),
    ("render_dev", True): ("RENDER_DEV_INTERNAL_DB_URL", "RENDER_DEV_EXTERNAL_DB_URL"),
    ("render_prod", False): ("RENDER_EXTERNAL_DB_URL",),
    ("render_prod", True): ("RENDER_INTERNAL_DB_URL", "RENDER_EXTERNAL_DB_URL"),
}
OWNERS: Final = {
    "DATABASE_CONNECTION_STRING": "local",
    "RENDER_DEV_INTERNAL_DB_URL": "render_dev",
    "RENDER_DEV_EXTERNAL_DB_URL": "render_dev",
    "RENDER_INTERNAL_DB_URL": "render_prod",
    "RENDER_EXTERNAL_DB_URL": "render_prod",
    "RENDER_READER_DB_URL": "render_prod",  # production by a role that only reads: never chosen, always compared
}
INFERRED: Final = {False: "local", True: "render_prod"}  # DR001
READ_WRITE: Final = {  # DR002: (target, explicit, on Render)
    **dict.fromkeys(product(("local", "render_dev"), (False, True), (False, True)), True),
    **dict.fromkeys(product(("render_prod",), (False, True), (False, True)), False),
    ("render_prod", True, True): True,
}
TRUE: Final = ("true", "True", "TRUE", "1", "yes", "YES", "on", "t", "y")  # pydantic's booleans
FALSE: Final = ("false", "False", "0", "no", "No", "off", "f", "n")
NO_BOOLEAN: Final = ("maybe", "2", "true ", " 1", "render", "ja")
BLANK: Final = ("", " ", "\t", " \r\n")
# A wrong name, and the target that its words point to.
JUNK: Final = {
    "staging": None,
    "render": None,
    "postgresql://user:password@host/name": None,
    "prod": "render_prod",
    "PRODUCTION": "render_prod",
    "render-prod": "render_prod",
    "dev": "render_dev",
    "render_development": "render_dev",
    '"local"': "local",
    "localhost": "local",
}


@dataclass(frozen=True)
class Url:
    """A URL: how it is written, and what that means.

    Attributes:
        text: As it stands in the variable.
        flaws: The rules that it breaks, wherever it stands; nothing else matters then.
        places: (server, port, name) of each of its nodes, in one spelling.
        remote: Whether a node is another machine.
        sslmode: What it asks of TLS.
        open_to: The variables of libpq that would complete it.
        normal: How it goes to SQLAlchemy, TLS aside.
    """

    text: str
    flaws: frozenset[str] = frozenset()
    places: frozenset[tuple[str, int, str]] = frozenset()
    remote: bool = False
    sslmode: str | None = None
    open_to: frozenset[str] = frozenset()
    normal: str = ""


# How a server is written -> (its one name, whether it is remote); the numbers make several of each.
SERVERS: Final[dict[str, tuple[str, bool]]] = {
    "localhost": ("here", False),
    "LocalHost": ("here", False),
    "localhost.": ("here", False),
    "127.0.0.1": ("here", False),
    "127.8.8.8": ("here", False),
    "[::1]": ("here", False),
    "[0:0::1]": ("here", False),
    "db.localhost": ("here", False),
    "dpg-one-a": ("dpg-one-a", True),
    "dpg-one-a.oregon-postgres.render.com": ("dpg-one-a", True),
    "DPG-ONE-A.Oregon-Postgres.Render.com": ("dpg-one-a", True),
    "dpg-two-a": ("dpg-two-a", True),
    "dpg-two-a.frankfurt-postgres.render.com": ("dpg-two-a", True),
    "dpg-two-a.example.org": ("dpg-two-a.example.org", True),
    "db.example.org": ("db.example.org", True),
    "db.example.org.": ("db.example.org", True),
    "192.0.2.7": ("192.0.2.7", True),
    "[2001:db8::7]": ("2001:db8::7", True),
    "[2001:0DB8:0::7]": ("2001:db8::7", True),
    "[2001:db8::8]": ("2001:db8::8", True),
}
USERS: Final = ("user:password@", "user@", "us%40er:p%2Fw%3A%25@", "user:p$w{d}^+`|@", "user:@", "u:a:b@")
QUERIES: Final = (
    ("", None),
    ("", None),
    ("sslmode=require", "require"),
    ("sslmode=verify-full&connect_timeout=5", "verify-full"),
    ("application_name=a%20b", None),
    ("sslmode=disable", "disable"),
    ("connect_timeout=5&sslmode=prefer", "prefer"),
    ("sslmode=allow", "allow"),
)
SCHEMES: Final = ("postgres", "postgresql", "postgresql+psycopg2")
# What no variable may hold -> the rules that it breaks.
FLAWED: Final = {
    "mysql://user:password@host/name": {"url-scheme"},
    "postgresql+psycopg://user:password@host/name": {"url-scheme"},
    "POSTGRESQL://user:password@host/name": {"url-scheme"},
    "https://service.example.org": {"url-scheme"},
    "host=host dbname=name": {"url-scheme"},
    "psql postgresql://user:password@host/name": {"url-scheme"},
    "Xpostgresql://user:password@host/name": {"url-scheme"},
    '"postgresql://user:password@host/name"': {"url-quoted"},
    "'postgresql://user:password@host/name'": {"url-quoted"},
    "postgresql://user:pass@word@host/name": {"url-ambiguous"},
    "postgresql://user:pass/word@host/name": {"url-ambiguous"},
    "postgresql://user:pass#word@host/name": {"url-ambiguous"},
    "postgresql://user:pass?word@host/name": {"url-ambiguous"},
    "postgresql://user:pass word@host/name": {"url-ambiguous"},
    "postgresql://user:pass://word@host/name": {"url-ambiguous"},
    "postgresql://user:pass[word@host/name": {"url-ambiguous"},
    "postgresql://user:pass%zzword@host/name": {"url-ambiguous"},
    "postgresql://user:pass%ffword@host/name": {"url-ambiguous"},
    "postgresql://user:pass%00word@host/name": {"url-ambiguous"},
    "postgresql://us%er:password@host/name": {"url-ambiguous"},
    "postgresql://user:pässword@host/name": {"url-ambiguous"},
    "postgresql://:password@host/name": {"url-ambiguous"},
    "postgresql://user:password@host/name#part": {"url-ambiguous"},
    "postgresql://user:password@ho!st/name": {"url-host"},
    "postgresql://user:password@[::1/name": {"url-host"},
    "postgresql://user:password@one,,two/name": {"url-host"},
    "postgresql://user:password@host:99999/name": {"url-port"},
    "postgresql://user:password@host:0/name": {"url-port"},
    "postgresql://user:password@host:port/name": {"url-port"},
    "postgresql://user:password@host:/name": {"url-port"},
    "postgresql://user:password@one:5432,two:x/name": {"url-port"},
    "postgresql://user:password@host": {"url-database"},
    "postgresql://user:password@host/": {"url-database"},
    "postgresql://user:password@host/a%62c": {"url-database"},
    "postgresql://user:password@host/a=b": {"url-database"},
    "postgresql://user:password@host/name?host=other": {"url-redirected"},
    "postgresql://user:password@host/name?hostaddr=192.0.2.1": {"url-redirected"},
    "postgresql://user:password@host/name?port=5433": {"url-redirected"},
    "postgresql://user:password@host/name?dbname=other": {"url-redirected"},
    "postgresql://user:password@host/name?user=other": {"url-redirected"},
    "postgresql://user:password@host/name?password=other": {"url-redirected"},
    "postgresql://user:password@host/name?service=other": {"url-redirected"},
    "postgresql://user:password@/name?host=other": {"url-redirected"},
    "postgresql:///name?host=one,two&port=1,2": {"url-redirected"},
    "postgresql+psycopg2:///name?host=one,two": {"url-redirected"},
    "postgresql+psycopg2:///name?host=one&port=1": {"url-redirected"},
    "postgresql+psycopg2:///name?host=one,two&port=1": {"url-redirected"},
    "postgresql:///name?host=/one,/two": {"url-redirected"},
    "postgresql:///name?port=1": {"url-redirected"},
    "postgresql://user:password@host/name?sslmod=require": {"url-query"},
    "postgresql://user:password@host/name?sslmode=maybe": {"url-query"},
    "postgresql://user:password@host/name?sslmode=require&sslmode=disable": {"url-query"},
    "postgresql://user:password@host/name?application_name=a+b": {"url-query"},
    "postgresql://user:password@host/name?application_name=": {"url-query"},
    "postgresql://user:password@host/name?application_name": {"url-query"},
    "postgresql://user:password@host/name?application_name=a=b": {"url-query"},
    "postgresql://user:password@host/name?application_name=a b": {"url-query"},
    "postgresql://user:password@host/name?application_name=ä": {"url-query"},
    "postgresql://user:password@host/name?application_name=a&&": {"url-query"},
    "postgresql://user:password@host/name?application_name=%zz": {"url-query"},
    "postgresql://user:password@host:x?dbname=other&colour=red": {
        "url-port",
        "url-database",
        "url-redirected",
        "url-query",
    },
}
AMBIENT: Final = {  # DR006: what would lead a connection elsewhere, and when
    "PGHOST": "host",
    "PGPORT": "port",
    "PGUSER": "user",
    "PGHOSTADDR": "always",
    "PGSERVICE": "always",
    "PGOPTIONS": "always",
    "PGDATABASE": "never",
    "PGPASSWORD": "never",
}


@dataclass
class Case:
    """An environment and its meaning; `environ` is what is given to the settings."""

    environ: dict[str, str] = field(default_factory=dict)
    target: str | None = None  # a name, "?" for junk, None for unset
    meant: str | None = None  # what junk points to
    on_render: bool | None = False  # None for junk
    urls: dict[str, Url] = field(default_factory=dict)


@dataclass(frozen=True)
class Expected:
    """What must come of a case."""

    findings: frozenset[tuple[str, str]]
    warnings: frozenset[tuple[str, str]]
    target: str = ""
    explicit: bool = False
    read_write: bool = False
    active: str = ""
    production: str | None = None


def draw_url(choose: Choose) -> Url:
    """Any URL: single, several nodes, a socket, or a flawed one."""
    kind = choose(("single", "single", "single", "single", "several", "socket", "flawed"))
    if kind == "flawed":
        text = choose(tuple(FLAWED))
        return Url(text, frozenset(FLAWED[text]))
    scheme, user = choose(SCHEMES), choose((*USERS, ""))
    name = choose(("one", "two", "three", "four-4"))
    query, sslmode = choose(QUERIES)
    open_to = {"user"} if not user else set()
    tail = f"/{name}" + (f"?{query}" if query else "")
    blank = choose(("", "", "", " ", "\n"))
    if kind == "socket":
        written, normal = choose(
            (("", ""), ("%2Ftmp", "host=/tmp"), ("%2Fvar%2Frun:5433", "host=/var/run&port=5433")),
        )
        port = 5433 if written.endswith("5433") else None
        server = "here" if not written else normal.split("&")[0].removeprefix("host=")
        open_to |= {"host"} if not written else set()
        open_to |= {"port"} if port is None else set()
        joined = "&".join(filter(None, (normal, query)))
        return Url(
            f"{blank}{scheme}://{user}{written}{tail}{blank}",
            places=frozenset({(server, port or 5432, name)}),
            sslmode=sslmode,
            open_to=frozenset(open_to),
            normal=f"postgresql+psycopg2://{user}/{name}" + (f"?{joined}" if joined else ""),
        )
    written_hosts = [choose(tuple(SERVERS)) for _ in range(1 if kind == "single" else 2)]
    ports = [choose((None, 5432, 6543)) for _ in written_hosts]
    nodes = list(zip(written_hosts, ports, strict=True))
    authority = ",".join(host if port is None else f"{host}:{port}" for host, port in nodes)
    open_to |= {"port"} if None in ports else set()
    if kind == "single":
        normal = f"postgresql+psycopg2://{user}{authority}{tail}"
    else:
        hosts = ",".join(host.strip("[]") for host in written_hosts)
        normal = (
            f"postgresql+psycopg2://{user}/{name}?host={hosts}&port={ports[0] or 5432},{ports[1] or 5432}"
        )
        normal += f"&{query}" if query else ""
    return Url(
        f"{blank}{scheme}://{user}{authority}{tail}{blank}",
        places=frozenset((SERVERS[host][0], port or 5432, name) for host, port in nodes),
        remote=any(SERVERS[host][1] for host in written_hosts),
        sslmode=sslmode,
        open_to=frozenset(open_to),
        normal=normal,
    )


def draw(choose: Choose) -> Case:
    """Any environment."""
    case = Case()
    kind = choose(("absent", "blank", "name", "name", "name", "junk"))
    if kind == "blank":
        case.environ["DATABASE_TARGET"] = choose(BLANK)
    elif kind == "name":
        case.target = choose(TARGETS)
        spelled = choose((str, str.upper, str.title))(case.target)
        case.environ["DATABASE_TARGET"] = choose(("", " ", "\t")) + spelled + choose(("", " ", "\r"))
    elif kind == "junk":
        junk = choose(tuple(JUNK))
        case.environ["DATABASE_TARGET"], case.target, case.meant = junk, "?", JUNK[junk]
    kind = choose(("absent", "blank", "true", "true", "false", "junk"))
    words: dict[str, tuple[tuple[str, ...], bool | None]] = {
        "blank": (BLANK, False),
        "true": (TRUE, True),
        "false": (FALSE, False),
        "junk": (NO_BOOLEAN, None),
    }
    if kind in words:
        case.environ["RENDER"], case.on_render = choose(words[kind][0]), words[kind][1]
    for variable in OWNERS:
        rare = ("absent",) * 6 if variable == "RENDER_READER_DB_URL" else ()
        kind = choose(("absent", "absent", "blank", "url", "url", "url", *rare))
        if kind == "blank":
            case.environ[variable] = choose(BLANK)
        elif kind == "url":
            case.urls[variable] = draw_url(choose)
            case.environ[variable] = case.urls[variable].text
    if choose((False, False, False, True)):
        case.environ[choose(tuple(AMBIENT))] = choose(("elsewhere", "elsewhere", ""))
    return case


def expected(case: Case) -> Expected:
    """What the design wants of a case."""
    findings: set[tuple[str, str]] = set()
    warnings: set[tuple[str, str]] = set()
    if case.target == "?":
        findings.add(("DATABASE_TARGET", "target-unknown"))
    if case.on_render is None:
        findings.add(("RENDER", "platform-unreadable"))
    readable = {variable: url for variable, url in case.urls.items() if not url.flaws}
    for variable, url in case.urls.items():
        findings |= {(variable, flaw) for flaw in url.flaws}
        if url.remote and not case.on_render and url.sslmode in {"disable", "allow", "prefer"}:
            findings.add((variable, "url-plaintext"))
        if not url.flaws and not url.remote and (case.on_render or variable != "DATABASE_CONNECTION_STRING"):
            warnings.add((variable, "loopback"))
        for name, when in AMBIENT.items():
            leads = when == "always" or when in url.open_to
            if not url.flaws and leads and case.environ.get(name, "").strip():
                findings.add((name, "ambient"))
    findings |= _missing(case, readable)
    findings |= _compared(readable)
    if findings:
        return Expected(frozenset(findings), frozenset(warnings))
    assert case.on_render is not None
    target = case.target or INFERRED[case.on_render]
    return Expected(
        frozenset(),
        frozenset(warnings),
        target=target,
        explicit=case.target is not None,
        read_write=READ_WRITE[target, case.target is not None, case.on_render],
        active=_normal(case, target) or "",
        production=_normal(case, "render_prod"),
    )


def _missing(case: Case, readable: Mapping[str, Url]) -> set[tuple[str, str]]:
    """The needed URL; of what may be meant, the first that lacks one, unless another that may be has one."""
    lacking: list[str] = []
    for platform in (False, True) if case.on_render is None else (case.on_render,):
        known = case.meant if case.target == "?" else case.target
        variables = WRITES[known or INFERRED[platform], platform]
        chosen = next((variable for variable in variables if variable in case.urls), None)
        if chosen in readable:
            return set()
        if chosen is None:
            blank = [variable for variable in variables if variable in case.environ]
            lacking.append(blank[0] if blank else variables[-1])
    return {(lacking[0], "url-missing")} if lacking else set()


def _compared(readable: Mapping[str, Url]) -> set[tuple[str, str]]:
    """DR007: the same database twice, and one database that is two."""
    findings: set[tuple[str, str]] = set()
    told: set[frozenset[str]] = set()  # each two targets are told once, and each URL that disagrees
    for one, other in combinations([variable for variable in OWNERS if variable in readable], 2):
        owners = frozenset({OWNERS[one], OWNERS[other]})
        share = bool(readable[one].places & readable[other].places)
        if len(owners) == 1 and not share:
            findings.add((other, "internal-external-disagree"))
        elif len(owners) > 1 and share and owners not in told:
            told.add(owners)
            findings.add((other, "same-database"))
    return findings


def _normal(case: Case, target: str) -> str | None:
    variables = WRITES[target, bool(case.on_render)]
    url = next((case.urls[variable] for variable in variables if variable in case.urls), None)
    if url is None:
        return None
    needs_tls = url.remote and not case.on_render and url.sslmode is None
    return url.normal + ("&" if "?" in url.normal else "?") + "sslmode=require" if needs_tls else url.normal

"""Where URLs lead: the rules about one URL (DR006) and about two (DR007)."""

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Final

from settings.findings import Finding, Rule
from settings.reading import TRUE, Reading
from settings.targets import URLS, DatabaseTarget
from settings.urls import PLAINTEXT_MODES, SHAPE, DatabaseUrl, Flaw, parse

REHEARSAL: Final = "DATABASE_REHEARSAL"
_ENCODE: Final = """python3 -c 'from getpass import getpass as g; from urllib.parse import quote as q; print(q(g(), safe=""))'"""


def check_url(
    reading: Reading,
    variable: str,
    text: str,
    *,
    on_render: bool | None,
    findings: list[Finding],
) -> DatabaseUrl | None:
    """Apply DR006 to one URL of any group of settings.

    Args:
        reading: What the sources say: for the place of the URL and the ambient `PG*` variables.
        variable: The variable that holds the URL.
        text: The URL.
        on_render: The platform; None, when RENDER cannot be read, counts as elsewhere.
        findings: Takes what is wrong.

    Returns:
        The URL when it can be read, so that it can be compared although it is refused.
    """
    url = parse(text)
    if isinstance(url, list):
        findings.extend(_flawed(reading, variable, flaw) for flaw in url)
        return None
    if not on_render and url.is_remote and url.tls_mode in PLAINTEXT_MODES:
        plaintext = Flaw(
            Rule.URL_PLAINTEXT, f"allows plain text to another machine by sslmode={url.tls_mode}"
        )
        findings.append(_flawed(reading, variable, plaintext))
    if url.is_remote and is_rehearsal(reading):
        problem = f"leads to another machine, although {REHEARSAL} keeps everything on this one"
        findings.append(_compared(reading, Rule.REHEARSAL, variable, problem, f"unset {REHEARSAL}"))
    told = {finding.variable for finding in findings}
    findings.extend(
        Finding(
            rule=Rule.AMBIENT,
            variable=name,
            problem=f"would lead {variable} elsewhere than it says",
            remedy=f"unset {name}",
            source=reading.source(name),
        )
        for name in redirecting_ambient(reading, url)
        if name not in told
    )
    return url


def redirecting_ambient(reading: Reading, url: DatabaseUrl) -> list[str]:
    """The `PG*` variables of libpq that would change where this URL leads."""
    if not reading.ambient:
        return []
    harmless: set[str] = set()
    if all(host.name for host in url.hosts):
        harmless.add("PGHOST")
    if all(host.port for host in url.hosts):
        harmless.add("PGPORT")
    if url.has_user:
        harmless.add("PGUSER")
    return sorted(reading.ambient - harmless)


def compare(reading: Reading, urls: Mapping[str, DatabaseUrl]) -> Iterator[Finding]:
    """Tell two targets that are one database, and one target's URLs that are two."""
    locations = {variable: url.locations for variable, url in urls.items()}
    told: set[tuple[DatabaseTarget, DatabaseTarget] | str] = set()
    for one, other in combinations(locations, 2):
        targets = (URLS[one], URLS[other])
        are_same = not locations[one].isdisjoint(locations[other])
        if targets[0] is targets[1] and not are_same and other not in told:
            told.add(other)
            yield _compared(reading, Rule.DISAGREE, other, f"names another database than {one}")
        elif targets[0] is not targets[1] and are_same and targets not in told:
            told.add(targets)
            yield _compared(reading, Rule.SAME_DATABASE, other, f"names the same database as {one}")


def is_rehearsal(reading: Reading) -> bool:
    """Whether every database stands for another one and is on this machine, as the sandbox's are."""
    return (reading.text(REHEARSAL) or "").lower() in TRUE


def loopback(reading: Reading, variable: str) -> Finding:
    """The warning about a URL that leads to this machine, where another is expected."""
    return Finding(
        rule=Rule.LOOPBACK,
        variable=variable,
        problem="leads to this machine, which only a tunnel or a rehearsal means",
        remedy=f"{variable}={SHAPE}",
        source=reading.source(variable),
    )


def _compared(reading: Reading, rule: Rule, variable: str, problem: str, remedy: str = "") -> Finding:
    return Finding(
        rule=rule,
        variable=variable,
        problem=problem,
        remedy=remedy or f"{variable}={SHAPE}",
        source=reading.source(variable),
    )


def _flawed(reading: Reading, variable: str, flaw: Flaw) -> Finding:
    remedy = f"{variable}={SHAPE}"
    if flaw.rule is Rule.URL_AMBIGUOUS:
        remedy = _ENCODE
    elif flaw.rule is Rule.URL_PLAINTEXT:
        remedy = f"{variable}={SHAPE}?sslmode=require"
    return Finding(
        rule=flaw.rule,
        variable=variable,
        problem=flaw.problem,
        remedy=remedy,
        source=reading.source(variable),
    )

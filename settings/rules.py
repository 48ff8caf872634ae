"""The rules that decide which database a process talks to: pure, total, standard library only."""

import re
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Final, NamedTuple

from settings.findings import Finding, Rule
from settings.reading import Reading
from settings.targets import CHOICES, PLATFORM, READER, TARGET, DatabaseTarget, inferred_target
from settings.urls import PLAINTEXT_MODES, SHAPE, DatabaseUrl, Flaw, parse

# The words that pydantic reads as booleans, so that RENDER means the same here and in the model.
TRUE: Final = frozenset({"1", "on", "t", "true", "y", "yes"})
FALSE: Final = frozenset({"0", "off", "f", "false", "n", "no"})

URLS: Final[dict[str, DatabaseTarget]] = {
    variable: target for target in CHOICES for variable in CHOICES[target][True]
}
_ENCODE: Final = """python3 -c 'from getpass import getpass as g; from urllib.parse import quote as q; print(q(g(), safe=""))'"""


class Decision(NamedTuple):
    """What the rules decide.

    Attributes:
        target: The target, named or inferred; None when the name is not one.
        explicit: Whether it was named.
        on_render: The platform; None when RENDER is not a boolean.
        urls: The URLs that can be read, by variable.
        findings: Every problem and warning, in the order of the variables.
    """

    target: DatabaseTarget | None
    explicit: bool
    on_render: bool | None
    urls: Mapping[str, DatabaseUrl]
    findings: tuple[Finding, ...]


def decide(reading: Reading) -> Decision:
    """Apply every rule to what the sources say; nothing is raised, nothing else is read."""
    findings: list[Finding] = []
    on_render = read_platform(reading, findings)
    name = reading.text(TARGET)
    target = None if name is None else _target(name)
    if name is not None and target is None:
        findings.append(
            Finding(
                rule=Rule.TARGET_UNKNOWN,
                variable=TARGET,
                problem=f"is none of {', '.join(DatabaseTarget)}",
                remedy=f"{TARGET}={_nearest(name) or DatabaseTarget.LOCAL}",
                source=reading.source(TARGET),
            ),
        )
    urls: dict[str, DatabaseUrl] = {}
    for variable in URLS:
        text = reading.text(variable)
        if text is not None:
            url = check_url(reading, variable, text, on_render=on_render, findings=findings)
            if url is not None:
                urls[variable] = url
                if url.is_loopback and (variable != "DATABASE_CONNECTION_STRING" or on_render):
                    findings.append(_loopback(reading, variable))
    worlds = list(_worlds(name, target, on_render=on_render))
    missing = _missing(reading, urls, worlds)
    if missing is not None:
        findings.append(missing)
    locations = {variable: url.locations for variable, url in urls.items()}
    findings.extend(_same(reading, locations))
    findings.extend(_disagreeing(reading, locations))
    if name is None and on_render is not None:
        target = inferred_target(on_render=on_render)
    return Decision(target, name is not None, on_render, urls, tuple(findings))


def read_platform(reading: Reading, findings: list[Finding]) -> bool | None:
    """Whether this is Render: pydantic's booleans, from the real environment only (DR004, DR005)."""
    text = reading.text(PLATFORM)
    if text is None or text.lower() in FALSE:
        return False
    if text.lower() in TRUE:
        return True
    findings.append(
        Finding(
            rule=Rule.PLATFORM_UNREADABLE,
            variable=PLATFORM,
            problem="is not a boolean (Render itself sets it to true)",
            remedy=f"unset {PLATFORM}",
            source=reading.source(PLATFORM),
        ),
    )
    return None


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


def check_reader(reading: Reading, decision: Decision, findings: list[Finding]) -> dict[str, DatabaseUrl]:
    """The URL of production's reading role, which must lead where production's own URL leads (DR007).

    Args:
        reading: What the sources say.
        decision: What was decided about the other URLs.
        findings: Takes what is wrong.

    Returns:
        The URL by its variable; empty without one that can be read.
    """
    text = reading.text(READER)
    url = text and check_url(reading, READER, text, on_render=decision.on_render, findings=findings)
    if not url:
        return {}
    for variable in CHOICES[DatabaseTarget.RENDER_PROD][True]:
        if variable in decision.urls and decision.urls[variable].locations.isdisjoint(url.locations):
            findings.append(_disagrees(reading, READER, variable))
            break
    return {READER: url}


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


def _target(name: str) -> DatabaseTarget | None:
    try:
        return DatabaseTarget(name.strip().casefold())
    except ValueError:
        return None


def _nearest(name: str) -> DatabaseTarget | None:
    """The target that a wrong name most likely means: `production`, `render-dev`, `"local"`."""
    beginnings = {word[:3] for word in re.split(r"[\W_]+", name.casefold())}
    return next((target for target in DatabaseTarget if target.rpartition("_")[2][:3] in beginnings), None)


def _worlds(
    name: str | None,
    target: DatabaseTarget | None,
    *,
    on_render: bool | None,
) -> Iterator[tuple[DatabaseTarget, bool]]:
    """Every (target, platform) that may be meant while a name or RENDER cannot be read."""
    for platform in (False, True) if on_render is None else (on_render,):
        known = target or (None if name is None else _nearest(name))
        yield known or inferred_target(on_render=platform), platform


def _missing(
    reading: Reading,
    urls: Mapping[str, DatabaseUrl],
    worlds: list[tuple[DatabaseTarget, bool]],
) -> Finding | None:
    """The first URL that is needed and not given, unless one of the possible worlds has a good one."""
    first = None
    for target, platform in worlds:
        variables = CHOICES[target][platform]
        chosen = next((v for v in variables if reading.text(v) is not None), None)
        if chosen in urls:
            return None
        if chosen is None and first is None:
            blank = next((v for v in variables if reading.given(v) is not None), variables[-1])
            state = "is not set" if reading.given(blank) is None else "is blank"
            first = Finding(
                rule=Rule.URL_MISSING,
                variable=blank,
                problem=f"{state}, and the target {target} needs it",
                remedy=f"{blank}={SHAPE}",
                source=reading.source(blank),
            )
    return first


def _same(
    reading: Reading,
    locations: Mapping[str, frozenset[tuple[str, int, str]]],
) -> Iterator[Finding]:
    """One finding for each two targets that are one database (DR007)."""
    told: set[tuple[DatabaseTarget, DatabaseTarget]] = set()
    for one, other in combinations(locations, 2):
        pair = (URLS[one], URLS[other])
        if pair[0] is pair[1] or pair in told or locations[one].isdisjoint(locations[other]):
            continue
        told.add(pair)
        yield Finding(
            rule=Rule.SAME_DATABASE,
            variable=other,
            problem=f"names the same database as {one}",
            remedy=f"{other}={SHAPE}",
            source=reading.source(other),
        )


def _disagreeing(
    reading: Reading,
    locations: Mapping[str, frozenset[tuple[str, int, str]]],
) -> Iterator[Finding]:
    """An internal and an external URL of one target that are two databases (DR007)."""
    for target in (DatabaseTarget.RENDER_DEV, DatabaseTarget.RENDER_PROD):
        internal, external = CHOICES[target][True]
        if (
            internal in locations
            and external in locations
            and locations[internal].isdisjoint(locations[external])
        ):
            yield _disagrees(reading, internal, external)


def _disagrees(reading: Reading, variable: str, other: str) -> Finding:
    return Finding(
        rule=Rule.DISAGREE,
        variable=variable,
        problem=f"names another database than {other}",
        remedy=f"{variable}={SHAPE}",
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


def _loopback(reading: Reading, variable: str) -> Finding:
    return Finding(
        rule=Rule.LOOPBACK,
        variable=variable,
        problem="leads to this machine, which only a tunnel or a rehearsal means",
        remedy=f"{variable}={SHAPE}",
        source=reading.source(variable),
    )

"""The rules that decide which database a process talks to: pure, total, standard library only."""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from settings.destinations import check_url, compare, is_rehearsal, loopback
from settings.findings import Finding, Rule
from settings.reading import FALSE, TRUE, Reading
from settings.targets import CHOICES, PLATFORM, TARGET, URLS, DatabaseTarget, inferred_target
from settings.urls import SHAPE, DatabaseUrl


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
                unexpected = on_render or URLS[variable] is not DatabaseTarget.LOCAL
                if url.is_loopback and unexpected and not is_rehearsal(reading):
                    findings.append(loopback(reading, variable))
    worlds = list(_worlds(name, on_render=on_render))
    missing = _missing(reading, urls, worlds)
    if missing is not None:
        findings.append(missing)
    findings.extend(compare(reading, urls))
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


def _target(name: str) -> DatabaseTarget | None:
    try:
        return DatabaseTarget(name.strip().casefold())
    except ValueError:
        return None


def _nearest(name: str) -> DatabaseTarget | None:
    """The target that a name means, or most likely means: `production`, `render-dev`, `"local"`."""
    beginnings = {word[:3] for word in re.split(r"[\W_]+", name.casefold())}
    return next((target for target in DatabaseTarget if target.rpartition("_")[2][:3] in beginnings), None)


def _worlds(name: str | None, *, on_render: bool | None) -> Iterator[tuple[DatabaseTarget, bool]]:
    """Every (target, platform) that may be meant while a name or RENDER cannot be read."""
    for platform in (False, True) if on_render is None else (on_render,):
        yield (name and _nearest(name)) or inferred_target(on_render=platform), platform


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
            blank = next((v for v in variables if reading.source(v) is not None), variables[-1])
            state = "is not set" if reading.source(blank) is None else "is blank"
            first = Finding(
                rule=Rule.URL_MISSING,
                variable=blank,
                problem=f"{state}, and the target {target} needs it",
                remedy=f"{blank}={SHAPE}",
                source=reading.source(blank),
            )
    return first

"""What `dance config` tells: every variable, where it comes from, and what was decided. Works on a broken one."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Literal

from settings import envfile, targets
from settings.application import Settings
from settings.catalogue import Variable, variables
from settings.findings import Finding
from settings.reading import Reading, Sources
from settings.rules import Decision, decide
from settings.targets import CHOICES, PLATFORM, READER, TARGET, URLS, DatabaseTarget
from settings.urls import parse
from settings.values import split_urls

MASK = "********"


@dataclass(frozen=True, slots=True)
class Explained:
    """One variable in this process.

    Attributes:
        name: Its name.
        group: Its group.
        state: Whether it is set, blank (which counts as unset) or unset.
        source: Where it is given: `environment`, or a file and line.
        shadows: A place that it hides: the real environment beats the file.
        shown: Its value as far as it may be shown; of a URL, host, port and name.
        used_for: What it is used for in this mode.
    """

    name: str
    group: str
    state: Literal["set", "blank", "unset"]
    source: str | None
    shadows: str | None
    shown: str
    used_for: str


@dataclass(frozen=True, slots=True)
class Report:
    """The whole configuration of this process.

    Attributes:
        decision: The decision in one sentence.
        files: Each place of a `.env` file and what became of it.
        variables: Every variable.
        findings: What must be mended.
        warnings: What may be meant.
    """

    decision: str
    files: dict[str, str]
    variables: tuple[Explained, ...]
    findings: tuple[Finding, ...]
    warnings: tuple[Finding, ...]


def report() -> Report:
    """Explain this process's configuration, good or broken; nothing is raised for a broken one."""
    reading = Settings.reading(envfile.process_sources())
    findings = Settings.__new__(Settings).examine(reading)
    decision = decide(reading)
    wrong = {finding.variable for finding in findings if not finding.is_warning}
    return Report(
        decision=_sentence(reading, decision),
        files=_files(reading),
        variables=tuple(_explained(variable, reading, decision, wrong) for variable in variables()),
        findings=tuple(finding for finding in findings if not finding.is_warning),
        warnings=tuple(finding for finding in findings if finding.is_warning),
    )


def matrix() -> Iterator[dict[str, str]]:
    """The truth table: every target, on Render or not, with every choice of URLs that are set."""
    names = [name for name in URLS if name != READER]  # it changes nothing of what the table shows
    for target, on_render, given in product(
        (None, *DatabaseTarget),
        (False, True),
        product((False, True), repeat=len(names)),
    ):
        environ = {PLATFORM: str(on_render).lower()} | ({TARGET: target} if target else {})
        chosen = [name for name, is_given in zip(names, given, strict=True) if is_given]
        hosts = {"DATABASE_CONNECTION_STRING": "localhost"}
        environ |= {
            name: f"postgresql://user@{hosts.get(name, f'dpg-{URLS[name]}-a')}/name" for name in chosen
        }
        decision = decide(Reading(Sources(environ)))
        assert decision.target is not None  # noqa: S101  (every name in the table is a target)
        yield {
            "target": target or "unset",
            "on Render": "yes" if on_render else "no",
            **{name: "set" if name in chosen else "" for name in names},
            "decides": f"{decision.target}{'' if decision.explicit else ' (inferred)'}",
            "uses": _variable(decision, decision.target) or "error: missing",
            "access": _access(decision),
            "production": _variable(decision, DatabaseTarget.RENDER_PROD) or "none",
        }


def _variable(decision: Decision, target: DatabaseTarget) -> str | None:
    """The variable whose URL is used for a target, when one is."""
    names = CHOICES[target][bool(decision.on_render)]
    return next((name for name in names if name in decision.urls), None)


def _access(decision: Decision) -> str:
    assert decision.target is not None  # noqa: S101  (asked only when there is one)
    return targets.access(
        decision.target,
        explicit=decision.explicit,
        on_render=bool(decision.on_render),
    )


def _sentence(reading: Reading, decision: Decision) -> str:
    if decision.target is None or decision.on_render is None:
        return "nothing is decided: see the problems"
    how = f"explicit from {reading.source(TARGET)}" if decision.explicit else "inferred"
    production = _variable(decision, DatabaseTarget.RENDER_PROD)
    given = [name for name in CHOICES[DatabaseTarget.RENDER_PROD][decision.on_render] if reading.text(name)]
    leads = f"{given[0]} cannot be used" if given else "not configured"
    if production is not None:
        leads = f"{decision.urls[production].label} from {production}"
    return (
        f"{decision.target}, {how}; on Render: {'yes' if decision.on_render else 'no'}; {_access(decision)}; "
        f"production for promotion: {leads}"
    )


def _files(reading: Reading) -> dict[str, str]:
    files: dict[str, str] = {}
    found = None if reading.file is None else str(reading.file.path)
    for path in envfile.process_candidates():
        if path == found:
            files[path] = "read"
        else:
            files[path] = "not looked for" if "read" in files.values() else "not there"
    return files


def _explained(variable: Variable, reading: Reading, decision: Decision, wrong: set[str]) -> Explained:
    source = reading.source(variable.name)
    text = reading.text(variable.name)
    in_file = reading.source_in_file(variable.name)
    return Explained(
        name=variable.name,
        group=variable.group,
        state="unset" if source is None else "blank" if text is None else "set",
        source=source and str(source),
        shadows=str(in_file) if in_file and in_file != source else None,
        shown="" if text is None else _shown(variable, text, wrong),
        used_for=_used_for(variable, decision),
    )


def _shown(variable: Variable, text: str, wrong: set[str]) -> str:
    if variable.name in wrong:
        return "cannot be used"
    if variable.is_url:
        parts = [parse(part) for part in split_urls(text)]
        return " ".join(MASK if isinstance(url, list) else url.label for url in parts)
    return MASK if variable.is_secret or "://" in text else text.strip()


def _used_for(variable: Variable, decision: Decision) -> str:
    if variable.name == TARGET:
        return "chooses the database"
    if variable.name == PLATFORM:
        return "the platform"
    if variable.name not in URLS or variable.name == READER:
        return variable.description
    uses: list[str] = []
    if decision.target is not None and variable.name == _variable(decision, decision.target):
        uses.append("the database that is worked on")
    if variable.name == _variable(decision, DatabaseTarget.RENDER_PROD):
        uses.append("production, for promotion")
    return " and ".join(uses) or "nothing in this mode"

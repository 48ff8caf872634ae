"""The list of sources: a TOML file with `[fetch]` and one `[[source]]` table for each source."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from pydantic import SecretStr, ValidationError

from app.pipeline.event import Finding
from app.pipeline.sources import eventbrite, facebook, icalendar, jsonld, team_csv, websites
from app.pipeline.sources.entry import Entry
from app.pipeline.sources.failures import SourceListError
from app.pipeline.sources.fetching import Fetcher, FetchSettings

KINDS: Final[Mapping[str, ModuleType]] = {
    "csv": team_csv,
    "eventbrite": eventbrite,
    "facebook": facebook,
    "icalendar": icalendar,
    "jsonld": jsonld,
    "websites": websites,
}
"""The module of each kind of source: its model `Settings` and its function `collect`. A new source: one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceList:
    """A validated list of sources."""

    folder: Path
    """To which the file paths in it are relative."""
    fetch: FetchSettings
    sources: tuple[Entry, ...]
    """The enabled ones, in the order of the file."""


def read_sources(path: Path, secrets: Mapping[str, SecretStr] | None = None) -> SourceList:
    """Read and validate the list of sources.

    Args:
        path: the TOML file.
        secrets: values of the variables that sources need, such as `EVENTBRITE_TOKEN`; unset ones left out.

    Raises:
        SourceListError: the file or an entry is wrong; the message names all that is wrong.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SourceListError(
            f"The list of sources {path} cannot be read: {error.strerror}. Mend its path in the settings."
        ) from error
    except ValueError as error:
        raise SourceListError(f"{path} is not TOML: {error}. Mend that line.") from error
    problems: list[str] = [
        f"{key}: only [fetch] and [[source]] belong here" for key in document.keys() - {"fetch", "source"}
    ]
    fetch = FetchSettings()
    try:
        fetch = FetchSettings.model_validate(document.get("fetch", {}))
    except ValidationError as error:
        problems += _told("[fetch]", error)
    entries = document.get("source", [])
    if not isinstance(entries, list) or not entries:
        problems.append("no [[source]] is listed")
        entries = []
    sources = list(_entries(entries, secrets or {}, problems))
    if problems:
        raise SourceListError(f"{path}:\n  " + "\n  ".join(problems) + "\nMend these entries.")
    return SourceList(folder=path.parent, fetch=fetch, sources=tuple(one for one in sources if one.enabled))


def collect(source: Entry, fetcher: Fetcher, today: date) -> Iterator[Finding]:
    """What a source says now.

    Args:
        source: an entry of `read_sources`.
        fetcher: reads its places.
        today: first day that counts for recurring events.

    Raises:
        SourceError: the source could not be read; what it gave before stands.
        SourceSkippedError: a variable that it needs is not set.
    """
    findings: Iterator[Finding] = KINDS[source.kind].collect(source, fetcher, today)
    return findings


def _entries(tables: list[Any], secrets: Mapping[str, SecretStr], problems: list[str]) -> Iterator[Entry]:
    names: set[str] = set()
    for number, table in enumerate(tables, start=1):
        name = str(table.get("name", "")) if isinstance(table, dict) else ""
        where = f"source {number} ({name or 'no name'})"
        if not isinstance(table, dict):
            problems.append(f"{where}: is not a table; write [[source]]")
        elif table.get("kind") not in KINDS:
            problems.append(f"{where}: kind is {table.get('kind')!r}; it is one of {', '.join(KINDS)}")
        elif name in names:
            problems.append(f"{where}: another source has this name")
        else:
            names.add(name)
            try:
                yield KINDS[table["kind"]].Settings.model_validate(table, context=secrets)
            except ValidationError as error:
                problems += _told(where, error)


def _told(where: str, error: ValidationError) -> Iterator[str]:
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        field = ".".join(map(str, problem["loc"])) or "entry"
        yield f"{where}: {field}: {problem['msg'].removeprefix('Value error, ')}"

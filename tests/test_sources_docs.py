"""docs/sources.md is held against the sources: its lists, its fields, its worked example."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.pipeline.event import Reject, Sighting
from app.pipeline.sources import FetchSettings, read_sources
from app.pipeline.sources.entry import Entry
from app.pipeline.sources.listing import KINDS
from tests.sources_memory import collected
from tests.test_sources_contract import (
    test_a_source_is_one_public_function as hold_to_the_contract,
)

PAGE = (Path(__file__).parent.parent / "docs" / "sources.md").read_text()


def blocks(language: str) -> list[str]:
    """The page's code blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


def documented_fields() -> dict[str, set[str]]:
    """The fields that the page's table names, by kind."""
    fields: dict[str, set[str]] = {}
    kind = ""
    table = PAGE.partition("| kind | field | meaning |")[2].partition("\n\n")[0]
    for line in table.splitlines()[2:]:
        cells = [cell.strip() for cell in line.split("|")]
        kind = cells[1].strip("`") or kind
        fields.setdefault(kind, set()).update(re.findall(r"`(\w+)`", cells[2]))
    return fields


def test_every_field_of_every_kind_is_documented_and_no_other() -> None:
    """The table names exactly what the models take."""
    common = set(Entry.model_fields)
    assert documented_fields() == {
        kind: set(module.Settings.model_fields) - common for kind, module in KINDS.items()
    }
    assert all(f"`{field}`" in PAGE for field in common)


def test_every_limit_is_documented() -> None:
    """The table of `[fetch]` names all its fields."""
    table = PAGE.partition("| `[fetch]` | limit |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)`", table, flags=re.MULTILINE)) == set(FetchSettings.model_fields)


def test_the_example_of_a_list_is_valid(tmp_path: Path) -> None:
    """The first list can be copied as it stands."""
    path = tmp_path / "sources.toml"
    path.write_text(blocks("toml")[0])
    listing = read_sources(path, {"FACEBOOK_TOKEN": SecretStr("of-the-test")})
    assert [source.kind for source in listing.sources] == ["icalendar", "websites", "eventbrite", "facebook"]


def test_the_worked_example_of_a_new_source_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file and the line of the page make a source that keeps the contract and reads its events."""
    file = tmp_path / "json_lines.py"
    file.write_text(blocks("python")[0])
    spec = importlib.util.spec_from_file_location("json_lines", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "json_lines", module)
    spec.loader.exec_module(module)
    hold_to_the_contract(module)
    monkeypatch.setitem(KINDS, "jsonlines", module)
    (tmp_path / "sources.toml").write_text(blocks("toml")[1])
    (tmp_path / "events.jsonl").write_text(
        '{"id": 1, "name": "Salsa", "starts": "2026-03-06T20:00"}\n{"id": 2}\n'
    )
    event, bad = collected(tmp_path / "sources.toml")["Lines"]
    assert isinstance(event, Sighting)
    assert (event.kind, event.reference, event.name) == ("jsonlines", "1", "Salsa")
    assert isinstance(bad, Reject)
    assert (bad.line, bad.reason) == (2, "no event: 'starts'")

"""The worked example of docs/pipeline.md, run as it stands there."""

import re
from pathlib import Path
from types import ModuleType

import pytest

from app.pipeline import run as pipeline
from tests.postgres import Trio
from tests.sightings import names, one_source, run_all, sighting, working


def test_the_example_of_a_new_stage_works(trio: Trio, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The module of the page and its line before `store`: its counts are there and it did what it says."""
    page = (project / "docs" / "pipeline.md").read_text(encoding="utf-8")
    found = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    assert found
    module = ModuleType("shout")
    exec(found[1], module.__dict__)  # noqa: S102 - the page's own example
    stages = {**pipeline.STAGES}
    store = stages.pop("store")
    monkeypatch.setattr(pipeline, "STAGES", {**stages, "shout": module.run, "store": store})
    with working(trio) as database:
        result = run_all(database, one_source(sighting("Salsa Social")))
    assert names(trio) == ["SALSA SOCIAL"]
    assert [dict(report.counts) for report in result.reports if report.stage == "shout"] == [{"shouted": 1}]
    assert trio.query("local", "SELECT stage FROM control.stage_runs ORDER BY position")[-2:] == [
        "shout",
        "store",
    ]


def test_every_stage_and_data_file_is_on_the_page(project: Path) -> None:
    """A stage that the page does not know is a page that drifted."""
    page = (project / "docs" / "pipeline.md").read_text(encoding="utf-8")
    assert [name for name in pipeline.STAGES if f"| `{name}` |" not in page] == []

"""The list of equivalent mutants (`make mutants`) is about the code as it is."""

import tomllib
from pathlib import Path

import pytest

from tests.mutants import LIST

PROJECT = Path(__file__).parent.parent
ENTRIES = tomllib.loads(LIST.read_text())["equivalent"]


@pytest.mark.parametrize("entry", ENTRIES, ids=[entry["function"] for entry in ENTRIES])
def test_a_listed_mutant_changes_a_line_that_is_there(entry: dict[str, str]) -> None:
    """And says why nobody can notice; a line that was edited needs its reason thought over."""
    assert entry["why"]
    source = PROJECT.joinpath(*entry["function"].split(".")[:2]).with_suffix(".py").read_text().splitlines()
    removed = {line[1:].strip() for line in entry["lines"].splitlines() if line.startswith("-")}
    assert removed
    assert removed <= {line.strip() for line in source}

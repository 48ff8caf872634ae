"""How the code is laid out: what a newcomer relies on."""

import ast
from pathlib import Path
from typing import Final

import pytest

_PROJECT: Final = Path(__file__).parent.parent
_MODULES: Final = sorted(
    path for room in ("settings", "app", "tests", "benchmarks") for path in (_PROJECT / room).rglob("*.py")
)
_LONGEST: Final = 300
_DRAWERS: Final = {"utils", "helpers", "core", "common", "manager", "misc"}


def _name(path: Path) -> str:
    return str(path.relative_to(_PROJECT))


@pytest.mark.parametrize("path", _MODULES, ids=_name)
def test_a_module_is_one_thing(path: Path) -> None:
    """No module is a drawer, and none of the product's is longer than 300 lines but a migration, which is history."""
    assert path.stem not in _DRAWERS
    if path.parts[len(_PROJECT.parts)] in ("settings", "app") and path.parent.name != "versions":
        assert len(path.read_text(encoding="utf-8").splitlines()) <= _LONGEST


@pytest.mark.parametrize("path", [path for path in _MODULES if path.stem.startswith("test_")], ids=_name)
def test_every_test_says_what_it_shows(path: Path) -> None:
    """Each test has a docstring of one sentence."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            said = ast.get_docstring(node)
            assert said, node.name
            assert said.strip().endswith((".", "?")), node.name


def test_tests_are_flat() -> None:
    """No folder of tests can shadow a package of the product."""
    assert [path for path in (_PROJECT / "tests").rglob("*.py") if path.parent.name != "tests"] == []

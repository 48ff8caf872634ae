"""No second door: the syntax trees of the whole repository, searched for ways around the guards (DR009)."""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parent.parent
FILES: Final = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in ("app", "settings", "tests", "benchmarks")
    for path in (ROOT / folder).rglob("*.py")
)
Found = Iterator[ast.AST]
_DRIVERS: Final = frozenset({"psycopg2", "psycopg", "asyncpg", "pg8000", "psycopg2cffi", "pgdb"})
_ENGINES: Final = frozenset(
    {"create_engine", "create_async_engine", "engine_from_config", "create_pool_from_url"}
)
_RUNS: Final = re.compile(
    r"(?:subprocess|asyncio|os|pty)\.(?:run|Popen|call|check_\w+|create_subprocess_\w+|system|popen|exec\w+|spawn\w+)"
)
_SECRET: Final = re.compile(
    r"\b(?:get_secret_value|\w*_?(?:url|dsn|password)s?)\b|postgres\w*://", re.IGNORECASE
)


@dataclass(frozen=True)
class Door:
    """One thing that has one place.

    Attributes:
        name: what it is.
        find: where a tree has it.
        places: the only files, or folders ending in "/", that may have it.
        sample: code that has it, which shows that `find` finds.
    """

    name: str
    find: Callable[[ast.AST], Found]
    places: tuple[str, ...]
    sample: str


def _named(*names: str) -> Callable[[ast.AST], Found]:
    """Uses and imports of names, however they are qualified."""

    def find(tree: ast.AST) -> Found:
        for node in ast.walk(tree):
            if isinstance(node, ast.alias) and node.name.rpartition(".")[2] in names:
                yield node
            if isinstance(node, ast.Attribute) and node.attr in names:
                yield node
            if isinstance(node, ast.Name) and node.id in names and isinstance(node.ctx, ast.Load):
                yield node

    return find


def _called(*names: str) -> Callable[[ast.AST], Found]:
    """Calls of functions or classes, however they are qualified."""

    def find(tree: ast.AST) -> Found:
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and ast.unparse(node.func).rpartition(".")[2].partition("[")[0] in names
            ):
                yield node

    return find


def _driver_connects(tree: ast.AST) -> Found:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "connect" and ast.unparse(node.value) in _DRIVERS:
            yield node
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in _DRIVERS:
            yield from (alias for alias in node.names if alias.name == "connect")


def _environment(tree: ast.AST) -> Found:
    names = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in names and ast.unparse(node.value) == "os":
            yield node
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            yield from (alias for alias in node.names if alias.name in names)
        if isinstance(node, ast.alias) and node.name.partition(".")[0] in {"dotenv", "environs", "decouple"}:
            yield node


def _other_settings(tree: ast.AST) -> Found:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield from (base for base in node.bases if ast.unparse(base).endswith("BaseSettings"))


def _raw_urls(tree: ast.AST) -> Found:
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Attribute)
            and node.attr == "get_secret_value"
            and "url" in ast.unparse(node.value).lower()
        ):
            yield node


def _secrets_in_arguments(tree: ast.AST) -> Found:
    """URLs and passwords among a process's arguments, where everybody on the machine reads them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _RUNS.fullmatch(ast.unparse(node.func)):
            yield from (argument for argument in node.args if _SECRET.search(ast.unparse(argument)))


def _undone_guards(tree: ast.AST) -> Found:
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and (
            (node.arg == "isolation_level" and "AUTOCOMMIT" in ast.unparse(node.value))
            or (node.arg in {"postgresql_readonly", "readonly"} and ast.unparse(node.value) == "False")
        ):
            yield node


DOORS: Final = (
    Door("engines", _named(*_ENGINES), ("app/database/engines.py", "tests/test_settings_leaks.py", "benchmarks/"), "sqlalchemy.create_engine(u)"),
    Door("driver connections", _driver_connects, ("tests/test_settings_urls.py", "benchmarks/"), "import psycopg2\npsycopg2.connect(u)"),
    Door("the environment", _environment, ("settings/", "tests/", "benchmarks/"), "from os import getenv"),
    Door("settings", _other_settings, ("settings/",), "class Mine(pydantic_settings.BaseSettings): ..."),
    Door("databases' URLs as text", _raw_urls,
         ("settings/", "app/database/engines.py", "app/cli/roles.py", "tests/", "benchmarks/"),
         "settings.production_url.get_secret_value()"),
    Door("permits made by hand", _called("WritePermit"),
         ("app/database/permits.py", "tests/misuses.py", "tests/test_guards_types.py"), "WritePermit(e, p, m)"),
    Door("permits minted", _called("grant"),
         ("app/cli/migrate.py", "app/cli/stamp.py", "app/cli/roles.py", "app/cli/promote.py", "app/web/databases.py", "app/database/sandbox.py",
          "tests/", "benchmarks/"), "permits.grant(p, e)"),
    Door("databases wrapped", _called("ReadOnlyDatabase", "WritableDatabase", "StampGuard"),
         ("app/database/engines.py",), "WritableDatabase[Active](engine, guard)"),
    Door("engines unwrapped", _named("_engine"), ("app/database/handles.py", "app/database/engines.py", "tests/", "benchmarks/"),
         "database._engine.begin()"),
    Door("secrets in a process's arguments", _secrets_in_arguments, (),
         "subprocess.run(['psql', settings.active_url.get_secret_value()])"),
    Door("guards undone", _undone_guards, ("tests/", "benchmarks/"), "c.execution_options(isolation_level='AUTOCOMMIT')"),
)  # fmt: skip
named = pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)


def _allowed(file: str, places: tuple[str, ...]) -> bool:
    return any(file.startswith(place) if place.endswith("/") else file == place for place in places)


@named
def test_each_door_is_in_its_one_place(door: Door) -> None:
    """Nothing outside of its place opens an engine, reads the environment, mints a permit, ..."""
    offenders = [
        f"{file}:{getattr(node, 'lineno', '?')}"
        for file in FILES
        if not _allowed(file, door.places)
        for node in door.find(ast.parse((ROOT / file).read_text(encoding="utf-8")))
    ]
    assert offenders == []


@named
def test_the_search_finds_what_it_looks_for(door: Door) -> None:
    """A file with such a door would be reported."""
    assert list(door.find(ast.parse(door.sample)))


@named
def test_no_place_is_allowed_for_nothing(door: Door) -> None:
    """An allowed file that no longer has the door, or is gone, leaves the list."""
    for place in door.places:
        if not place.endswith("/"):
            assert list(door.find(ast.parse((ROOT / place).read_text(encoding="utf-8")))), place


def test_nothing_connects_at_import() -> None:
    """No module of the application opens a database, or reads settings, outside of a function."""
    opens = re.compile(r"(?:open_(?:production_)?(?:reader|writer)|Settings|DatabaseSettings)")
    offenders = []
    for file in FILES:
        if file.startswith(("app/", "settings/")):
            for statement in ast.parse((ROOT / file).read_text(encoding="utf-8")).body:
                if isinstance(statement, (ast.Assign, ast.AnnAssign, ast.Expr)):
                    calls = [node for node in ast.walk(statement) if isinstance(node, ast.Call)]
                    offenders += [file for call in calls if opens.fullmatch(ast.unparse(call.func))]
    assert offenders == []

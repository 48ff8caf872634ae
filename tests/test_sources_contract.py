"""All kinds of sources have the same shape, so that adding one is one file and one line."""

import inspect
import pkgutil
from datetime import date
from types import ModuleType
from typing import Literal, get_args, get_origin, get_type_hints

import pytest

from app.pipeline import sources
from app.pipeline.sources.entry import Entry
from app.pipeline.sources.fetching import Fetcher
from app.pipeline.sources.listing import KINDS

MACHINERY = {"crawling", "entry", "failures", "fetching", "formats", "listing", "paging", "places"}


@pytest.mark.parametrize("module", KINDS.values(), ids=KINDS)
def test_a_source_is_one_public_function(module: ModuleType) -> None:
    """A source's module defines one public function, `collect`, with the contract's parameters."""
    functions = {
        name
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")
    }
    assert functions == {"collect"}
    assert list(inspect.signature(module.collect).parameters) == ["settings", "fetcher", "today"]
    hints = get_type_hints(module.collect)
    assert hints["settings"] is module.Settings
    assert (hints["fetcher"], hints["today"]) == (Fetcher, date)
    assert inspect.isgeneratorfunction(module.collect)


@pytest.mark.parametrize("kind", KINDS)
def test_a_source_names_its_kind(kind: str) -> None:
    """A source's settings are an entry of exactly the kind under which its module is listed."""
    settings = KINDS[kind].Settings
    assert issubclass(settings, Entry)
    annotation = settings.model_fields["kind"].annotation
    assert get_origin(annotation) is Literal
    assert get_args(annotation) == (kind,)


def test_no_source_is_forgotten() -> None:
    """Every module of the package is machinery or a listed source."""
    modules = {module.name for module in pkgutil.iter_modules(sources.__path__)}
    assert modules - MACHINERY == {module.__name__.rpartition(".")[2] for module in KINDS.values()}

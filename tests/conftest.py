"""Fixtures: pull in the smallest thing that shows the behaviour.

`servers` are real PostgreSQL servers that live as long as the test session; `trio` is three fresh
databases on version 18; ask for `any_trio` where the version matters.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.database.embedded import Major
from tests.postgres import Servers, Trio


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """PostgreSQL 16 and 18, started when first asked for, stopped at the end."""
    running = Servers(tmp_path_factory.mktemp("postgres"))
    yield running
    running.stop()


@pytest.fixture
def trio(servers: Servers) -> Iterator[Trio]:
    """Three fresh databases on PostgreSQL 18: local, Render dev, production; migrated and stamped."""
    with servers.trio(18) as databases:
        yield databases


@pytest.fixture(params=[16, 18], ids=["postgres16", "postgres18"])
def any_trio(request: pytest.FixtureRequest, servers: Servers) -> Iterator[Trio]:
    """The same on PostgreSQL 16 and on 18."""
    version: Major = request.param
    with servers.trio(version) as databases:
        yield databases


@pytest.fixture
def project() -> Path:
    """The repository's root."""
    return Path(__file__).parent.parent

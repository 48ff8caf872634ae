"""Fixtures: pull in the smallest thing that shows the behaviour.

`servers` are real PostgreSQL servers that live as long as the test session; `trio` is three fresh
databases on version 18; ask for `any_trio` where the version matters.
"""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from app.database.embedded import Major
from tests.cluster import prepared
from tests.postgres import Servers, Trio


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """PostgreSQL 16 and 18, started when first asked for, stopped at the end."""
    # Not pytest's own directory: every other pytest that starts closes that to the server's user.
    with TemporaryDirectory(prefix="dance-tests-", ignore_cleanup_errors=True) as directory:
        running = Servers(Path(directory))
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


@pytest.fixture(scope="session")
def template() -> Iterator[Path]:
    """A database at rest to copy clusters of primary and standbys from (tests/cluster.py)."""
    with prepared() as directory:
        yield directory


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that an embedded server's own user can reach, removed afterwards."""
    with TemporaryDirectory(prefix="dance-tests-", ignore_cleanup_errors=True) as directory:
        yield Path(directory)


@pytest.fixture
def project() -> Path:
    """The repository's root."""
    return Path(__file__).parent.parent

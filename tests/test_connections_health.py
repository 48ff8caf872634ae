"""Health: what each trouble is called, and that the answer never keeps anyone waiting."""

from app.database.engines import open_writer
from app.database.health import Condition, ready
from app.database.schema import newest_revision
from settings import DatabaseTarget
from tests.postgres import Trio


def test_a_healthy_database_says_what_it_is(any_trio: Trio) -> None:
    """Version, role, timeline, stamp, revision, rights, pool and budget are reported."""
    database = open_writer(any_trio.settings(), process="tests")
    health = ready(database, deadline=30)
    database.dispose()
    assert health.condition is Condition.UP
    assert health.remedy == ""
    assert health.role == "primary"
    assert health.timeline == 1
    assert health.stamp is DatabaseTarget.LOCAL
    assert health.revision == newest_revision()
    assert health.rights == "own"
    assert health.lag is None
    assert health.server_version is not None
    assert int(health.server_version.split(".")[0]) == any_trio.server.version
    assert health.latency_ms is not None
    assert health.pool is not None
    assert health.pool.limit == 10
    assert health.budget is not None
    assert health.budget.suffices

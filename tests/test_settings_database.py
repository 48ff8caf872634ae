"""Which database is chosen, and what may be done there (design, DR001, DR002)."""

import pytest

from settings import Access, ConfigurationError, DatabaseTarget, Rule, Settings

LOCAL = "postgresql://user:password@localhost:5432/local"
DEV = "postgresql://user:password@dpg-dev-a.oregon-postgres.render.com/dev"
PRODUCTION = "postgres://user:password@dpg-prod-a.oregon-postgres.render.com/prod"


def test_nothing_named_means_the_local_database() -> None:
    """Off Render and without a target, the local database is read and written."""
    database = Settings.from_environ({"DATABASE_CONNECTION_STRING": LOCAL}).database
    assert database.target is DatabaseTarget.LOCAL
    assert not database.target_is_explicit
    assert database.access is Access.READ_WRITE
    assert database.active_url.get_secret_value() == LOCAL.replace("postgresql", "postgresql+psycopg2")


def test_inferred_production_is_read_only() -> None:
    """On Render and without a target, production is chosen, and only read."""
    database = Settings.from_environ({"RENDER": "true", "RENDER_EXTERNAL_DB_URL": PRODUCTION}).database
    assert database.target is DatabaseTarget.RENDER_PROD
    assert database.access is Access.READ_ONLY


def test_production_url_names_its_variable_when_it_is_missing() -> None:
    """Whoever needs production learns at once which variable gives it."""
    database = Settings.from_environ({"DATABASE_CONNECTION_STRING": LOCAL}).database
    with pytest.raises(ConfigurationError, match="RENDER_EXTERNAL_DB_URL is not set"):
        _ = database.production_url


def test_every_problem_is_told_at_once() -> None:
    """A bad target, a bad platform, two bad URLs and a missing one are five findings."""
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_environ(
            {
                "DATABASE_TARGET": "staging",
                "RENDER": "maybe",
                "DATABASE_CONNECTION_STRING": "mysql://localhost/x",
                "RENDER_DEV_EXTERNAL_DB_URL": "postgresql://user:pass@word@host/dev",
            },
        )
    assert {(finding.variable, finding.rule) for finding in caught.value.findings} == {
        ("DATABASE_TARGET", Rule.TARGET_UNKNOWN),
        ("RENDER", Rule.PLATFORM_UNREADABLE),
        ("DATABASE_CONNECTION_STRING", Rule.URL_SCHEME),
        ("RENDER_DEV_EXTERNAL_DB_URL", Rule.URL_AMBIGUOUS),
        ("RENDER_EXTERNAL_DB_URL", Rule.URL_MISSING),
    }

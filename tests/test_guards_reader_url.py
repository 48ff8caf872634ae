"""The URL of production's reading role: who uses it, and where it may lead."""

import pytest

from settings import ConfigurationError, DatabaseSettings
from settings.findings import Rule

PRODUCTION = "postgresql://owner@dpg-abc-a.oregon-postgres.render.com/events"
ENVIRON = {
    "DATABASE_CONNECTION_STRING": "postgresql://me@localhost/work",
    "RENDER_EXTERNAL_DB_URL": PRODUCTION,
}


def test_readers_take_the_reading_role_and_writers_do_not() -> None:
    """The reader's URL replaces production's for readers only; working databases have none."""
    reader = PRODUCTION.replace("owner", "dance_reader")
    settings = DatabaseSettings.from_environ({**ENVIRON, "RENDER_READER_DB_URL": reader})
    assert "//dance_reader@" in settings.production_reader_url.get_secret_value()
    assert "sslmode=require" in settings.production_reader_url.get_secret_value()
    assert "//owner@" in settings.production_url.get_secret_value()
    assert settings.active_reader_url == settings.active_url


def test_without_it_readers_take_productions_own() -> None:
    """No reading role: the softer layers hold alone."""
    settings = DatabaseSettings.from_environ(ENVIRON)
    assert settings.production_reader_url == settings.production_url


def test_the_internal_name_of_the_same_database_is_accepted() -> None:
    """Render's internal and external names of one `dpg-` id are one database (DR007)."""
    reader = "postgresql://dance_reader@dpg-abc-a/events"
    DatabaseSettings.from_environ({**ENVIRON, "RENDER": "true", "RENDER_READER_DB_URL": reader})


@pytest.mark.parametrize(
    ("reader", "rules"),
    [
        ("postgresql://r@dpg-other-a.oregon-postgres.render.com/events", {Rule.DISAGREE}),
        ("postgresql://me@localhost/work", {Rule.DISAGREE, Rule.SAME_DATABASE}),
        ("mysql://r@dpg-abc-a/events", {Rule.URL_SCHEME}),
        (PRODUCTION + "?sslmode=disable", {Rule.URL_PLAINTEXT}),
        (PRODUCTION + "?host=elsewhere", {Rule.URL_REDIRECTED}),
    ],
)
def test_it_may_not_lead_elsewhere_and_obeys_the_rules_for_urls(reader: str, rules: set[Rule]) -> None:
    """Another database than production's, or a URL that is refused anywhere: exactly these findings, of this variable."""
    with pytest.raises(ConfigurationError) as caught:
        DatabaseSettings.from_environ({**ENVIRON, "RENDER_READER_DB_URL": reader})
    found = [(finding.variable, finding.rule) for finding in caught.value.findings]
    assert sorted(found) == sorted(("RENDER_READER_DB_URL", rule) for rule in rules)

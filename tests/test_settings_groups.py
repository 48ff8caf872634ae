"""A group of settings: a class with fields is all it takes."""

import pickle
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Self

import pytest
from pydantic import Field, SecretStr, model_validator

from settings import ConfigurationError, DatabaseSettings, Rule, Settings
from settings.group import SettingsGroup
from settings.marks import DatabaseUrls, FromPlatform
from settings.reading import Sources
from settings.secret_url import SecretUrl
from settings.spelling import meant
from settings.web import WebSettings

LOCAL = "postgresql://user:password@localhost:5432/local"


class Colour(StrEnum):
    """A choice."""

    RED = "red"
    BLUE = "blue"


@pytest.fixture
def example() -> Iterator[type[SettingsGroup]]:
    """A group with a field of each kind."""

    class ExampleSettings(SettingsGroup):
        """An example."""

        size: int = Field(default=5, ge=1, alias="EXAMPLE_SIZE", description="How many.")
        colour: Colour = Field(default=Colour.RED, alias="EXAMPLE_COLOUR", description="Which.")
        words: tuple[str, ...] = Field(default=(), alias="EXAMPLE_WORDS", description="Words.")
        token: SecretStr | None = Field(
            default=None, min_length=4, alias="EXAMPLE_TOKEN", description="Secret."
        )
        region: Annotated[str, FromPlatform()] = Field(
            default="", alias="EXAMPLE_REGION", description="Where."
        )
        replica: Annotated[SecretUrl | None, DatabaseUrls()] = Field(
            default=None, alias="EXAMPLE_REPLICA_URL"
        )
        others: Annotated[tuple[SecretUrl, ...], DatabaseUrls(many=True)] = Field(
            default=(),
            alias="EXAMPLE_OTHER_URLS",
        )

        @model_validator(mode="after")
        def _big_is_red(self) -> Self:
            if self.size > 100 and self.colour is not Colour.RED:
                raise ValueError("EXAMPLE_SIZE above 100 is for EXAMPLE_COLOUR=red")
            return self

    yield ExampleSettings
    for name in [name for name in SettingsGroup.known if name.startswith("EXAMPLE_")]:
        del SettingsGroup.known[name]


def test_values_have_their_types(example: type[SettingsGroup]) -> None:
    """Numbers, choices, lists, secrets and URLs, each from its text."""
    values = example.from_environ(
        {
            "EXAMPLE_SIZE": "7",
            "EXAMPLE_COLOUR": "blue",
            "EXAMPLE_WORDS": "one, two three,,",
            "EXAMPLE_TOKEN": "${x}token",
            "EXAMPLE_REPLICA_URL": "postgres://user:password@db.example.org/name",
            "EXAMPLE_OTHER_URLS": "postgres://one,two/a, postgresql://three/b\npostgresql://four/c",
        },
    ).model_dump()
    assert (values["size"], values["colour"], values["words"]) == (7, Colour.BLUE, ("one", "two", "three"))
    assert values["token"].get_secret_value() == "${x}token"
    urls = [values["replica"], *values["others"]]
    assert [url.get_secret_value() for url in urls] == [
        "postgresql+psycopg2://user:password@db.example.org/name?sslmode=require",
        "postgresql+psycopg2:///a?host=one,two&port=5432,5432&sslmode=require",
        "postgresql+psycopg2://three/b?sslmode=require",
        "postgresql+psycopg2://four/c?sslmode=require",
    ]


def test_blank_means_the_default(example: type[SettingsGroup]) -> None:
    """For every kind of field (DR005)."""
    environ = dict.fromkeys((slot.variable for slot in example.slots), " ")
    assert example.from_environ(environ).model_dump() == example.from_environ({}).model_dump()


def test_the_names_of_fields_are_not_variables(example: type[SettingsGroup]) -> None:
    """Only the exact alias counts: `SIZE`, `size` and `example_size` are somebody else's."""
    environ = {"size": "9", "SIZE": "9", "example_size": "9"}
    assert example.from_environ(environ).model_dump()["size"] == 5


def test_wrong_values_are_findings(example: type[SettingsGroup]) -> None:
    """Each with its variable, and without the value."""
    with pytest.raises(ConfigurationError) as caught:
        example.from_environ(
            {
                "EXAMPLE_SIZE": "0",
                "EXAMPLE_COLOUR": "green",
                "EXAMPLE_TOKEN": "abc",
                "EXAMPLE_REPLICA_URL": "mysql://host/name",
                "EXAMPLE_OTHER_URLS": "postgresql://host/name postgresql://host",
            },
        )
    assert {(finding.variable, finding.rule) for finding in caught.value.findings} == {
        ("EXAMPLE_SIZE", Rule.VALUE),
        ("EXAMPLE_COLOUR", Rule.VALUE),
        ("EXAMPLE_TOKEN", Rule.VALUE),
        ("EXAMPLE_REPLICA_URL", Rule.URL_SCHEME),
        ("EXAMPLE_OTHER_URLS", Rule.URL_DATABASE),
    }
    assert "green" not in str(caught.value)


def test_what_has_an_error_stays_empty() -> None:
    """Values that are refused are not kept, where a traceback could find them."""
    reading = Settings.reading(
        Sources({"DATABASE_CONNECTION_STRING": LOCAL, "PGSERVICE": "other", "PORT": "many"})
    )
    for kind in (DatabaseSettings, WebSettings, Settings):
        made = kind.__new__(kind)
        assert any(not finding.is_warning for finding in made.examine(reading))
        assert not vars(made)


def test_all_groups_are_in_one_error() -> None:
    """A bad number of one group and a bad target of another are told together."""
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_environ(
            {"DATABASE_TARGET": "staging", "PORT": "many", "DATABASE_CONNECTION_STRING": LOCAL}
        )
    assert {finding.variable for finding in caught.value.findings} == {"DATABASE_TARGET", "PORT"}


def test_a_group_s_variables_are_known_to_the_search_for_near_misses(example: type[SettingsGroup]) -> None:
    """Without a line beyond the field."""
    assert meant("EXAMPLE_COLOR", frozenset(example.known)) == "EXAMPLE_COLOUR"


def test_a_changed_copy_is_checked(example: type[SettingsGroup]) -> None:
    """By field or variable; None unsets; nothing invalid comes of it, and nothing that is no setting."""
    first = example.from_environ(
        {"EXAMPLE_SIZE": "7", "EXAMPLE_WORDS": "a,b", "EXAMPLE_REPLICA_URL": "postgresql://h/n"}
    )
    second = first.model_copy(update={"size": 8, "EXAMPLE_COLOUR": Colour.BLUE})
    assert (second.model_dump()["size"], second.model_dump()["words"]) == (8, ("a", "b"))
    assert first.model_dump()["size"] == 7
    assert second.model_copy(update={"size": None}).model_dump()["size"] == 5
    with pytest.raises(ConfigurationError, match="EXAMPLE_SIZE"):
        first.model_copy(update={"size": 0})
    with pytest.raises(TypeError, match=r"^ExampleSettings has no setting sise$"):
        first.model_copy(update={"sise": 1})
    assert first.model_copy() == first
    assert first.model_copy(deep=True) == first


def test_only_the_platform_sets_the_platform_s_variables(
    example: type[SettingsGroup], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """In the real environment they count, in a file they are warned about."""
    path = tmp_path_factory.mktemp("platform") / ".env"
    path.write_text("EXAMPLE_REGION=there\n")
    path.chmod(0o600)
    in_file = example.from_environ({}, path)
    assert in_file.model_dump()["region"] == ""
    assert [warning.rule for warning in in_file.warnings] == [Rule.PLATFORM_IN_FILE]
    assert example.from_environ({"EXAMPLE_REGION": "here"}).model_dump()["region"] == "here"


def test_a_contradiction_between_fields_is_a_finding_of_the_group(example: type[SettingsGroup]) -> None:
    """A validator of the whole group says in its own words which variables it is about."""
    with pytest.raises(ConfigurationError) as caught:
        example.from_environ({"EXAMPLE_SIZE": "101", "EXAMPLE_COLOUR": "blue"})
    [finding] = caught.value.findings
    assert finding.variable == "ExampleSettings"
    assert finding.problem == "cannot be used: EXAMPLE_SIZE above 100 is for EXAMPLE_COLOUR=red"
    assert finding.remedy == "dance config"


def test_tls_is_asked_of_other_machines_off_render_only(example: type[SettingsGroup]) -> None:
    """A group's URLs are treated as the database's own (DR006)."""
    local, remote = "postgresql://localhost/name", "postgresql://db.example.org/name"
    for environ, url, ending in (
        ({}, remote, "/name?sslmode=require"),
        ({}, local, "localhost/name"),
        ({"RENDER": "true"}, remote, "org/name"),
        ({"RENDER": "true"}, f"{remote}?sslmode=disable", "?sslmode=disable"),
    ):
        settings = example.from_environ(environ | {"EXAMPLE_REPLICA_URL": url})
        assert settings.texts()["EXAMPLE_REPLICA_URL"].endswith(ending)
    with pytest.raises(ConfigurationError, match="plain text"):
        example.from_environ({"RENDER": "maybe", "EXAMPLE_REPLICA_URL": f"{remote}?sslmode=disable"})


def test_one_url_is_not_several(example: type[SettingsGroup]) -> None:
    """Where one is wanted, two are refused and not cut."""
    with pytest.raises(ConfigurationError, match="EXAMPLE_REPLICA_URL"):
        example.from_environ({"EXAMPLE_REPLICA_URL": "postgresql://one/a postgresql://two/b"})


def test_secret_urls_compare_by_their_text(example: type[SettingsGroup]) -> None:
    """With any secret text, and with nothing else."""
    url = SecretUrl("postgresql://h/n")
    assert url == SecretStr("postgresql://h/n")
    assert url != SecretStr("postgresql://h/m")
    assert url != "postgresql://h/n"
    assert {url: 1}[SecretUrl("postgresql://h/n")] == 1


def test_settings_are_not_pickled(example: type[SettingsGroup]) -> None:
    """A pickle would hold what is masked everywhere else; the refusal says what to do instead."""
    settings = example.from_environ({"EXAMPLE_REPLICA_URL": "postgresql://h/n"})
    message = "settings hold passwords and are not pickled: make them anew in each process"
    with pytest.raises(TypeError, match=f"^{message}$"):
        pickle.dumps(settings)
    message = "a database's URL holds a password and is not pickled: read the settings anew"
    with pytest.raises(TypeError, match=f"^{message}$"):
        pickle.dumps(SecretUrl("postgresql://h/n"))


def test_settings_that_were_not_read_can_be_shown(example: type[SettingsGroup]) -> None:
    """A traceback with locals shows them so while they are read; afterwards every field is shown."""
    assert repr(example.__new__(example)) == "ExampleSettings()"
    assert repr(DatabaseSettings.__new__(DatabaseSettings)) == "DatabaseSettings()"  # with a computed field
    assert repr(example.from_environ({})).startswith(
        "ExampleSettings(size=5, colour=<Colour.RED: 'red'>, words=(), "
    )


def test_whole_groups_are_replaced_together() -> None:
    """What a new group leaves unset is unset; groups that are not named stay; a shallow copy shares them."""
    first = Settings.from_environ(
        {"DATABASE_CONNECTION_STRING": LOCAL, "PORT": "9000", "DATABASE_POOL_SIZE": "7"}
    )
    plain = Settings.from_environ({"DATABASE_CONNECTION_STRING": LOCAL})
    second = first.model_copy(update={"web": plain.web, "connections": plain.connections})
    assert (second.web.port, second.connections.pool_size) == (8000, 5)
    assert second.database == first.database
    assert first.model_copy().database is first.database
    assert first.model_copy(deep=True).database is not first.database

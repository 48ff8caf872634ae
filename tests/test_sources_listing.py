"""The list of sources: validated as a whole, one message with everything that is wrong."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from app.pipeline.sources import SourceListError, read_sources
from app.pipeline.sources.entry import Entry


def listed(folder: Path, text: str, secrets: dict[str, SecretStr] | None = None) -> tuple[Entry, ...]:
    """The sources of a list with this text."""
    path = folder / "sources.toml"
    path.write_text(text)
    return read_sources(path, secrets).sources


def source(name: str = "studio", rest: str = 'kind = "csv"\nplaces = ["a.csv"]') -> str:
    """One entry."""
    return f'[[source]]\nname = "{name}"\n{rest}\n'


def test_sources_come_in_the_order_of_the_file(tmp_path: Path) -> None:
    """Disabled ones are left out."""
    text = source("b") + source("a") + source("c", 'kind = "csv"\nplaces = ["c.csv"]\nenabled = false')
    assert [one.name for one in listed(tmp_path, text)] == ["b", "a"]


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    """Each problem names the entry by number and name, and its field."""
    text = (
        "secret = 1\n[fetch]\nmax_megabytes = 0\ntypo = 1\n"
        + source("a", 'kind = "mail"')
        + source("b", 'kind = "csv"\nplaces = []\ntime_zone = "Mars/Olympus"')
        + source("c", 'kind = "jsonld"\nplaces = ["ftp://hall.example/"]')
        + source("c")
        + source("c")
        + source("d", 'kind = "websites"')
        + source("e/../e")
        + '[[source]]\nkind = "csv"\n'
    )
    with pytest.raises(SourceListError) as wrong:
        listed(tmp_path, text)
    message = str(wrong.value)
    assert wrong.value.exit_status == 78
    for part in (
        f"{tmp_path / 'sources.toml'}:",
        "secret: only [fetch] and [[source]] belong here",
        "[fetch]: max_megabytes: Input should be greater than 0",
        "[fetch]: typo: Extra inputs are not permitted",
        "source 1 (a): kind is 'mail'; it is one of csv,",
        "source 2 (b): places: ",
        "source 2 (b): time_zone: is not a time zone; write its IANA name, such as America/Vancouver",
        "source 3 (c): places.0: is not an http or https address, nor a path",
        "source 5 (c): another source has this name",
        "source 6 (d): entry: names neither pages nor a table of them",
        "source 7 (e/../e): name: ",
        "source 8 (no name): name: Field required",
    ):
        assert part in message


def test_a_token_in_the_file_is_an_error(tmp_path: Path) -> None:
    """Secrets come from the caller; a field for them does not exist."""
    text = source("it", 'kind = "eventbrite"\norganisers = ["1"]\ntoken = "x"')
    with pytest.raises(SourceListError, match="token: Extra inputs are not permitted"):
        listed(tmp_path, text)


def test_a_token_is_never_shown(tmp_path: Path) -> None:
    """Neither representation nor dump of an entry holds a secret."""
    secrets = {
        name: SecretStr("of-the-test") for name in ("EVENTBRITE_TOKEN", "FACEBOOK_TOKEN", "FACEBOOK_ICAL_URL")
    }
    text = source("a", 'kind = "eventbrite"\norganisers = ["1"]') + source(
        "b", 'kind = "facebook"\npages = ["x"]'
    )
    for entry in listed(tmp_path, text, secrets):
        assert "of-the-test" not in f"{entry!r} {entry} {entry.model_dump()} {entry.model_dump_json()}"


@pytest.mark.parametrize("text", ["", "[fetch]\n", "source = 7\n", "source = []\n"])
def test_a_list_without_sources_is_an_error(tmp_path: Path, text: str) -> None:
    """An empty list is more likely a mistake than a wish."""
    with pytest.raises(SourceListError, match=r"no .*source.* is listed"):
        listed(tmp_path, text)


def test_a_list_that_is_missing_or_no_toml_is_an_error(tmp_path: Path) -> None:
    """The message names the file and what to do."""
    with pytest.raises(SourceListError, match=r"cannot be read: No such file or directory. Mend its path"):
        read_sources(tmp_path / "nowhere.toml")
    with pytest.raises(SourceListError, match=r"is not TOML: Expected"):
        listed(tmp_path, "[[source")
    (tmp_path / "latin.toml").write_bytes(b"# caf\xe9")
    with pytest.raises(SourceListError, match="is not TOML"):
        read_sources(tmp_path / "latin.toml")


def test_webcal_is_https(tmp_path: Path) -> None:
    """Calendars to subscribe to are often written with webcal:."""
    (entry,) = listed(tmp_path, source(rest='kind = "icalendar"\nplaces = ["webcal://hall.example/a.ics"]'))
    assert entry.model_dump()["places"] == ("https://hall.example/a.ics",)

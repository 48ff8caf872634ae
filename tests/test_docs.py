"""The documentation is held against what it documents."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.cli.main import VERBS
from tests.commands import dance

_PROJECT = Path(__file__).parent.parent
_PAGES = [_PROJECT / "README.md", _PROJECT / "CHANGELOG.md", *sorted((_PROJECT / "docs").glob("*.md"))]
_TARGETS = set(re.findall(r"^([a-z]+):.*##", (_PROJECT / "Makefile").read_text(), flags=re.MULTILINE))


def _text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    """A relative link names a file that exists."""
    for target in re.findall(r"\]\(([^)\s]+)\)", _text(page)):
        link = urlsplit(target)
        if not link.scheme and link.path:
            assert (page.parent / link.path).exists(), target


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: page.name)
def test_every_make_target_that_is_mentioned_exists(page: Path) -> None:
    """`make something` in a page is a target of the Makefile."""
    mentioned = set(re.findall(r"(?:`|\$ |^)make ([a-z]+)\b", _text(page), flags=re.MULTILINE))
    assert mentioned <= _TARGETS


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: page.name)
def test_every_verb_that_is_mentioned_exists(page: Path) -> None:
    """`dance something` in a page is a verb, or an option."""
    mentioned = set(re.findall(r"(?:`|\$ |bin/)dance ([a-z]+)\b", _text(page)))
    assert mentioned <= set(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_and_a_place_in_the_docs(tmp_path: Path, verb: str) -> None:
    """`dance VERB --help` answers without any configuration, and a page mentions the verb."""
    done = dance(verb, "--help", variables={}, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"dance {verb}" in done.stdout.replace("python -m app", "dance")
    assert any(f"dance {verb}" in _text(page) for page in _PAGES)


def test_every_page_can_be_found_from_the_readme() -> None:
    """The README links every page of docs/."""
    readme = _text(_PROJECT / "README.md")
    for page in (_PROJECT / "docs").glob("*.md"):
        assert f"docs/{page.name}" in readme, page.name


def test_the_changelog_has_unreleased_on_top() -> None:
    """The first version in the changelog is Unreleased."""
    assert re.findall(r"^## (.+)$", _text(_PROJECT / "CHANGELOG.md"), flags=re.MULTILINE)[0] == "Unreleased"

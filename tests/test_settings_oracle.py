"""Every environment comes out as the design's tables say (tests/settings_oracle.py)."""

import random
from itertools import product
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from settings import Access, ConfigurationError, DatabaseSettings, Finding, Rule
from settings.explain import matrix
from tests.settings_oracle import (
    INFERRED,
    READ_WRITE,
    TARGETS,
    WRITES,
    Case,
    Expected,
    Url,
    draw,
    expected,
)

DEEP = 1_000_000


def outcome(case: Case) -> Expected:
    """What the settings make of a case, in the oracle's terms."""
    try:
        database = DatabaseSettings.from_environ(case.environ)
    except ConfigurationError as error:
        return Expected(once(error.findings), once(error.warnings))
    try:
        production: str | None = database.production_url.get_secret_value()
    except ConfigurationError:
        production = None
    return Expected(
        frozenset(),
        once(database.warnings),
        target=database.target.value,
        explicit=database.target_is_explicit,
        read_write=database.access is Access.READ_WRITE,
        active=database.active_url.get_secret_value(),
        production=production,
    )


def once(findings: tuple[Finding, ...]) -> frozenset[tuple[str, str]]:
    """What is told of which variable; nothing twice, but a URL may be the same database as two others."""
    told = {(one.variable, one.rule, one.rule is Rule.SAME_DATABASE and one.problem) for one in findings}
    assert len(told) == len(findings), findings
    return frozenset((one.variable, one.rule.value) for one in findings)


@st.composite
def cases(draw_one: st.DrawFn) -> Case:
    """Any environment, shrinking towards plain ones."""
    return draw(lambda choices: draw_one(st.sampled_from(choices)))


@given(cases())
@settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_environment_comes_out_as_the_design_says(case: Case) -> None:
    """Outcome, variable, access, text and the exact set of findings agree with the tables."""
    assert outcome(case) == expected(case), case.environ


def test_many_environments_come_out_as_the_design_says() -> None:
    """The same for environments from a seeded generator, which is quicker than hypothesis."""
    agree(7_000, random.Random(20261123))  # noqa: S311 - a repeatable test, no secret


@pytest.mark.deep
@pytest.mark.timeout(3600)
def test_a_million_environments_come_out_as_the_design_says(capsys: pytest.CaptureFixture[str]) -> None:
    """The same a million times, from a new seed."""
    seed = random.SystemRandom().randrange(2**32)
    good = agree(DEEP, random.Random(seed))  # noqa: S311 - a repeatable test, no secret
    with capsys.disabled():
        print(f"\n{DEEP} environments agree with the oracle, {good} of them usable (seed {seed})")  # noqa: T201


def agree(count: int, generator: random.Random) -> int:
    """Compare so many environments; the number of usable ones."""
    good = 0
    for _ in range(count):
        case = draw(generator.choice)
        wanted = expected(case)
        assert outcome(case) == wanted, case.environ
        good += not wanted.findings
    return good


def test_the_generator_reaches_every_rule() -> None:
    """No rule of the oracle is untested because no environment breaks it."""
    generator = random.Random(1)  # noqa: S311 - a repeatable test, no secret
    reached = {rule for _ in range(20_000) for _, rule in expected(draw(generator.choice)).findings}
    assert reached >= {
        "target-unknown", "platform-unreadable", "url-missing", "url-quoted", "url-scheme", "url-ambiguous",
        "url-host", "url-port", "url-database", "url-redirected", "url-query", "url-plaintext", "ambient",
        "same-database", "internal-external-disagree",
    }  # fmt: skip


def every_well_formed_case() -> list[Any]:
    """Target x platform x which URLs are set, each URL naming the database that it should."""
    good = {
        "DATABASE_CONNECTION_STRING": Url(
            "postgresql://user@localhost:5432/one",
            places=frozenset({("here", 5432, "one")}),
            normal="postgresql+psycopg2://user@localhost:5432/one",
        ),
    } | {
        variable: Url(
            f"postgresql://user@{host}:5432/one?sslmode=require",
            places=frozenset({(host, 5432, "one")}),
            remote=True,
            sslmode="require",
            normal=f"postgresql+psycopg2://user@{host}:5432/one?sslmode=require",
        )
        for variable, host in (
            ("RENDER_DEV_INTERNAL_DB_URL", "dpg-dev-a"),
            ("RENDER_DEV_EXTERNAL_DB_URL", "dpg-dev-a"),
            ("RENDER_INTERNAL_DB_URL", "dpg-prod-a"),
            ("RENDER_EXTERNAL_DB_URL", "dpg-prod-a"),
        )
    }
    table = []
    for target, on_render, chosen in product(
        (None, *TARGETS), (False, True), product((False, True), repeat=len(good))
    ):
        urls = {name: good[name] for name, is_set in zip(good, chosen, strict=True) if is_set}
        environ = {name: url.text for name, url in urls.items()}
        environ |= {"RENDER": "true"} if on_render else {}
        environ |= {"DATABASE_TARGET": target} if target else {}
        table.append(Case(environ, target=target, on_render=on_render, urls=urls))
    return table


def test_the_whole_truth_table() -> None:
    """Each of the 256 well-formed environments."""
    table = every_well_formed_case()
    assert len(table) == 256
    for case in table:
        assert outcome(case) == expected(case), case.environ


def test_the_printed_matrix_is_the_truth_table() -> None:
    """`dance config --matrix` prints one row for each well-formed environment, and the design's answer in it."""
    rows = list(matrix())
    assert len(rows) == 256
    for row in rows:
        on_render = row["on Render"] == "yes"
        explicit = row["target"] != "unset"
        target = row["target"] if explicit else INFERRED[on_render]
        chosen = [variable for variable in WRITES[target, on_render] if row[variable] == "set"]
        assert row["decides"].removesuffix(" (inferred)") == target
        assert row["uses"] == (chosen[0] if chosen else "error: missing")
        assert row["access"] == ("read-write" if READ_WRITE[target, explicit, on_render] else "read-only")

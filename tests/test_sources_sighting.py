"""A sighting keeps what a source said, in a form that PostgreSQL can store."""

import json
from dataclasses import FrozenInstanceError, replace
from datetime import UTC, date, time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter
from pydantic_core import to_json

from app.pipeline.event import LONGEST_RAW, LONGEST_REFERENCE, Reject, Sighting

ANY_TEXT = st.text(st.characters(exclude_categories=[]))
SALSA_NIGHT = Sighting(
    source="studio",
    kind="csv",
    place="studio.csv",
    reference="1",
    name="Salsa Night",
    start_date=date(2026, 3, 6),
    start_time=time(20, 30),
    notes=("24:30 read as 00:30 of the next day",),
)


@given(description=ANY_TEXT, reference=ANY_TEXT, zone=st.none() | ANY_TEXT, latitude=st.none() | st.floats())
def test_any_sighting_that_can_be_made_survives_json(
    description: str, reference: str, zone: str | None, latitude: float | None
) -> None:
    """Whatever text a source gives, the sighting is refused or comes back equal from strict UTF-8 JSON."""
    try:
        made = replace(
            SALSA_NIGHT, description=description, reference=reference, time_zone=zone, latitude=latitude
        )
    except ValueError:
        return
    stored = to_json(made, inf_nan_mode="constants")
    assert TypeAdapter(Sighting).validate_json(stored) == made
    assert "\x00" not in str(json.loads(stored.decode()))
    assert len(made.reference) <= LONGEST_REFERENCE


@pytest.mark.parametrize(
    "fields",
    [
        {"name": " \x00 "},
        {"name": "n" * 501},
        {"reference": ""},
        {"latitude": float("nan")},
        {"latitude": 91.0},
        {"longitude": -180.5},
        {"start_time": time(20, tzinfo=UTC)},
    ],
)
def test_what_cannot_be_an_event_is_refused(fields: dict[str, object]) -> None:
    """A sighting without a title or an identity, off the Earth or with two zones cannot be made."""
    with pytest.raises(ValueError, match=r"\w"):
        replace(SALSA_NIGHT, **fields)  # type: ignore[arg-type]  # the point of the test


def test_long_references_stay_distinct() -> None:
    """Two long references that differ at their end keep differing after they were shortened."""
    first, second = (replace(SALSA_NIGHT, reference="x" * 5_000 + end).reference for end in "ab")
    assert first != second
    assert len(first) <= LONGEST_REFERENCE


def test_sightings_cannot_be_changed() -> None:
    """A sighting is what was said: assigning to it is refused."""
    with pytest.raises(FrozenInstanceError):
        SALSA_NIGHT.name = "Bachata Night"  # type: ignore[misc]  # the point of the test


def test_a_reject_keeps_the_beginning_of_a_huge_text() -> None:
    """A reject never stores more than a screenful of what it refused."""
    reject = Reject(source="s", kind="csv", place="f", line=3, reason="no date", raw="r" * 10**6)
    assert reject.raw == "r" * LONGEST_RAW

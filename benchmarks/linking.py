"""Finding the pairs that mean one event: the pipeline, and splink on DuckDB."""

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from importlib import import_module
from importlib.util import find_spec
from itertools import groupby
from operator import attrgetter
from typing import Final

from app.pipeline.draft import Draft
from app.pipeline.event import Sighting
from app.pipeline.naming import name_of
from app.pipeline.seen import Seen
from app.pipeline.stages.deduplicate import compare_all
from app.pipeline.stages.normalise import drafts_of

OURS: Final = "the pipeline's comparison"
_NOW: Final = datetime(2026, 6, 1, tzinfo=UTC)
_DAY: Final = attrgetter("start_date")


def drafts(says: list[Sighting]) -> list[Draft]:
    """Normalised, by day."""
    seen = (Seen(str(number), "", _NOW, live=True, said=said) for number, said in enumerate(says))
    return sorted(drafts_of(seen), key=_DAY)


def compare(normalised: list[Draft]) -> None:
    """What the stage `deduplicate` compares, day by day; nothing is remembered from before."""
    name_of.cache_clear()
    days: list[tuple[date, list[Draft]]] = [(day, list(of)) for day, of in groupby(normalised, _DAY)]
    for _, day in days:
        compare_all(day)


def ways(normalised: list[Draft]) -> Mapping[str, Callable[[], object]]:
    """Functions that find the pairs; splink's only when it is installed."""
    found: dict[str, Callable[[], object]] = {OURS: lambda: compare(normalised)}
    if find_spec("splink"):
        found["splink on DuckDB, untrained"] = _splink(normalised)
    return found


def _splink(normalised: list[Draft]) -> Callable[[], object]:
    logging.getLogger("splink").setLevel(logging.ERROR)  # it warns that it is not trained
    splink, likeness = import_module("splink"), import_module("splink.comparison_library")
    frame = import_module("pandas").DataFrame(
        [
            (
                one.key,
                one.name.casefold(),
                str(one.start_date),
                str(one.start_time),
                one.venue.key if one.venue else "",
            )
            for one in normalised
        ],
        columns=["unique_id", "name", "day", "hour", "venue"],
    )
    settings = splink.SettingsCreator(
        link_type="dedupe_only",
        comparisons=[likeness.JaroWinklerAtThresholds("name", [0.9, 0.7]), likeness.ExactMatch("hour")],
        blocking_rules_to_generate_predictions=[splink.block_on("day", "venue")],
    )

    def predict() -> object:
        linker = splink.Linker(frame, settings, splink.DuckDBAPI(), set_up_basic_logging=False)
        return linker.inference.predict(threshold_match_probability=0.9).as_pandas_dataframe()

    return predict

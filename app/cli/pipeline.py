"""`dance pipeline`: the only place that wires sources, stages, databases and the promotion together."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Final

import typer
from rich.console import Console

from app.cli.promote import promote_after_run
from app.cli.watching import rejects_of, table_of, watch
from app.database.engines import open_production_reader, open_writer
from app.database.guards import refuse_production
from app.database.handles import ReadOnlyDatabase, WritableDatabase
from app.pipeline.event import Finding
from app.pipeline.memory import StoredMemory
from app.pipeline.questions import Endpoint, Judge
from app.pipeline.run import STAGES, Plan, Result, run
from app.pipeline.sources.entry import Entry
from app.pipeline.sources.fetching import Fetcher
from app.pipeline.sources.listing import SourceList, collect, read_sources
from settings import ConfigurationError, Settings

_PAST: Final = timedelta(days=7)
"""How far back recurring events are collected: further than any rule of `clean-up` keeps them."""
_NAMES: Final = ", ".join(STAGES)


def _stage(name: str) -> str:
    if name not in STAGES:
        raise typer.BadParameter(f"{name!r} is no stage; the stages are {_NAMES}")
    return name


def command(
    *,
    first: Annotated[
        str, typer.Option("--from", parser=_stage, metavar="STAGE", help=f"The first stage: {_NAMES}.")
    ] = "collect",
    last: Annotated[
        str, typer.Option("--to", parser=_stage, metavar="STAGE", help="The last stage.")
    ] = "store",
    promote: Annotated[bool, typer.Option("--promote", help="Then publish to production.")] = False,
    confirm: Annotated[
        str | None, typer.Option(metavar="DIGEST", help="Consent to the promotion: the plan's digest.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run that was killed.")] = False,
) -> None:
    """Collect events, clean them, store them; with --promote, publish them.

    Stages before --from are taken from what the database holds. A source that fails keeps what it gave
    before, the others go on, and the exit status is 1.
    """
    settings = Settings()
    _check(settings, first, last, promote=promote)
    console = Console(highlight=False, soft_wrap=True)
    result = run_and_show(settings, console, first=first, last=last, resume=resume)
    if promote:
        promote_after_run(settings, run_id=result.run_id, confirm=confirm)
    if result.failures:
        raise typer.Exit(1)


def run_and_show(
    settings: Settings, console: Console, *, first: str = "collect", last: str = "store", resume: bool = False
) -> Result:
    """Run the pipeline on the active database and print what it did.

    Raises:
        AppError: it was refused, or a stage failed.
    """
    refuse_production(settings.database)
    listed = read_sources(settings.pipeline.sources_file, settings.pipeline.source_secrets())
    database = open_writer(settings.database, process="pipeline", connections=settings.connections)
    production = _production(settings)
    judge = _judge(settings)
    now = datetime.now(UTC)
    try:
        with (
            _sources(listed, database, (now - _PAST).date()) as (sources, memory),
            watch(console) as observer,
        ):
            plan = Plan(
                sources=sources, memory=memory, first=first, last=last, resume=resume, now=now, judge=judge
            )
            result = run(database, plan, observer, production=production, connections=settings.connections)
    finally:
        database.dispose()
        if production:
            production.dispose()
    console.print()
    console.print(table_of(result))
    if result.up_to_date:
        console.print("Nothing differs from the last run: 0 changes.")
    for line in (*rejects_of(result), *(f"failed: {failure}" for failure in result.failures)):
        console.print(line, markup=False)
    return result


@dataclass(frozen=True, slots=True)
class _Listed:
    """An entry of the list of sources, ready to be asked."""

    entry: Entry
    fetcher: Fetcher
    today: date

    @property
    def name(self) -> str:
        return self.entry.name

    def findings(self) -> Iterator[Finding]:
        return collect(self.entry, self.fetcher, self.today)


@contextmanager
def _sources(
    listed: SourceList, database: WritableDatabase, today: date
) -> Iterator[tuple[tuple[_Listed, ...], StoredMemory]]:
    memory = StoredMemory(database)
    with Fetcher(listed.fetch, memory, folder=listed.folder) as fetcher:
        yield tuple(_Listed(entry, fetcher, today) for entry in listed.sources), memory


def _check(settings: Settings, first: str, last: str, *, promote: bool) -> None:
    """Refuse at once what would be refused hours later."""
    refuse_production(settings.database)
    names = list(STAGES)
    if names.index(first) > names.index(last):
        raise typer.BadParameter(f"--from {first} comes after --to {last}; the order is {', '.join(names)}")
    if promote:
        if last != names[-1]:
            raise typer.BadParameter(
                f"--promote publishes what `{names[-1]}` stored, but --to ends the run before"
            )
        _ = settings.database.production_url


def _production(settings: Settings) -> ReadOnlyDatabase | None:
    """Where visitors' reports are; nowhere when no production is configured."""
    try:
        return open_production_reader(settings.database, process="pipeline", connections=settings.connections)
    except ConfigurationError:
        return None


def _judge(settings: Settings) -> Judge | None:
    """The language model; None when it is not configured."""
    asked = settings.pipeline
    if not (asked.model_url and asked.model_name):
        return None
    from app.pipeline.judging import LanguageModel  # noqa: PLC0415 - takes a second to import, and most runs have none

    endpoint = Endpoint(
        url=asked.model_url,
        model=asked.model_name,
        key=asked.model_key.get_secret_value() if asked.model_key else "",
        budget=asked.model_budget,
        timeout=asked.model_timeout,
    )
    return LanguageModel(endpoint)

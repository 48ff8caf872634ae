"""What the guards cost: a transaction with all of them on, against a plain engine with `pool_pre_ping`."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from sqlalchemy import Engine, create_engine, literal, select

from app.database.engines import open_production_reader, open_production_writer
from app.database.permits import Purpose, grant
from benchmarks.link import Link
from benchmarks.measure import machine, ratio, table, take_turns
from settings import DatabaseSettings, DatabaseTarget
from tests.postgres import Servers, Trio

ROUNDS: Final = 15
_ONE: Final = select(literal(1))


def main() -> None:
    """Print the tables: on loopback, and over a link with 10 ms of round trip."""
    print(f"{machine()}; PostgreSQL 18; one SELECT in a transaction of its own, connections pooled\n")
    with TemporaryDirectory(prefix="dance-bench-", ignore_cleanup_errors=True) as directory:
        servers = Servers(Path(directory))
        with servers.trio(18) as trio:
            _compare(trio, trio.render_prod, "loopback", each=40)
            with _link(trio, delay=0.005) as url:
                _compare(trio, url, "10 ms round trip", each=4)
        servers.stop()


def _compare(trio: Trio, url: str, where: str, *, each: int) -> None:
    settings = DatabaseSettings.from_environ({**trio.environ(), "RENDER_EXTERNAL_DB_URL": url})
    with ExitStack() as stack:
        reader = open_production_reader(settings, process="benchmark")
        permit = grant(Purpose.PROMOTION, DatabaseTarget.RENDER_PROD)
        writer = open_production_writer(settings, permit, process="benchmark")
        # Two: what SQLAlchemy leaves behind of the option costs the next user's ping a round trip.
        plain, optional = (
            create_engine(settings.production_url.get_secret_value(), pool_pre_ping=True) for _ in range(2)
        )
        for opened in (reader, writer, plain, optional):
            stack.callback(opened.dispose)

        def read() -> None:
            with reader.read() as transaction:
                transaction.select(_ONE).all()

        def write() -> None:
            with writer.write() as transaction:
                transaction.select(_ONE).all()

        samples = take_turns(
            {
                "plain engine, pool_pre_ping": _many(_on(plain), each),
                "plain engine, postgresql_readonly=True": _many(
                    _on(optional, postgresql_readonly=True), each
                ),
                "reader, without the confirmation": _many(_on(reader._engine), each),  # noqa: SLF001 - to leave it out
                "reader, all guards": _many(read, each),
                "writer of production, stamp held": _many(write, each),
            },
            rounds=ROUNDS,
        )
    base = samples["plain engine, pool_pre_ping"]
    rows = [
        [name, f"{sample.median / each * 1e6:,.0f}", f"{(sample.median - base.median) / each * 1e6:+,.0f}", f"{ratio(sample, base):.2f}"]
        for name, sample in samples.items()
    ]  # fmt: skip
    print(table([f"{where}, {ROUNDS} x {each} transactions", "µs each", "more", "ratio"], rows) + "\n")


def _on(engine: Engine, **options: bool) -> Callable[[], None]:
    def act() -> None:
        with engine.connect().execution_options(**options) as connection:
            connection.execute(_ONE).all()

    return act


def _many(act: Callable[[], None], times: int) -> Callable[[], None]:
    def repeat() -> None:
        for _ in range(times):
            act()

    return repeat


@contextmanager
def _link(trio: Trio, *, delay: float) -> Iterator[str]:
    link = Link(trio.server.port, delay=delay)
    try:
        yield trio.render_prod.replace(f":{trio.server.port}/", f":{link.entrance}/")
    finally:
        link.close()

"""The long run: random faults every few seconds, and a ledger that has to add up at the end."""

import logging
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import text

from app.database.failover import repeat
from app.database.handles import WritableDatabase, WriteTransaction
from tests.cluster import Cluster, cluster, quick

SECONDS: Final = 600
WRITERS: Final = 8
PATIENT: Final = quick(DATABASE_RETRY_FOR="300")
logger = logging.getLogger(__name__)


class Soak:
    """A primary and its synchronous standby that take turns, under writers and faults."""

    def __init__(self, made: Cluster, seed: int) -> None:
        self.made = made
        self.random = random.Random(seed)  # noqa: S311 - to repeat a run, nothing secret
        self.generation = 0
        self.standby = made.add_standby(synchronous=True)
        self.ports = (made.port, self.standby.port)

    def freeze(self) -> None:
        """The primary stands still for a while, longer or shorter than the deadlines."""
        self.made.primary.freeze()
        time.sleep(self.random.uniform(0.5, 6))
        self.made.primary.thaw()

    def terminate(self) -> None:
        """Every session is ended by an administrator."""
        self.made.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'dance%'"
        )

    def restart_standby(self) -> None:
        """The standby dies and comes back; every COMMIT waits meanwhile."""
        self.standby.kill()
        time.sleep(self.random.uniform(0, 2))
        self.standby.start()

    def crash(self) -> None:
        """The primary dies and comes back as what it was."""
        self.made.primary.kill()
        self.made.primary.start()

    def fail_over(self) -> None:
        """The primary dies, the standby is promoted, and the dead one is rebuilt as its standby."""
        dead = self.made.primary
        dead.kill()
        time.sleep(self.random.uniform(0, 2))
        self.standby.promote()
        self.generation += 1
        name = f"generation{self.generation}"
        port = next(port for port in self.ports if port != self.standby.port)
        self.made.primary = self.standby
        self.standby = self.made.primary.standby(self.made.directory / name, name, port=port)
        self.made.standbys.append(self.standby)
        self.made.wait_for(name)


def write(database: WritableDatabase, writer: int, number: int) -> None:
    """One entry, and its writer's sum together with it: a lost or a doubled one shows."""

    def unit(transaction: WriteTransaction) -> None:
        values = {"writer": writer, "number": number}
        entered = transaction.execute(
            text("INSERT INTO ledger VALUES (:writer, :number) ON CONFLICT DO NOTHING"), values
        )
        if entered.rowcount:
            transaction.execute(text("UPDATE sums SET entries = entries + 1 WHERE writer = :writer"), values)

    repeat(database.write, unit, PATIENT)


@pytest.mark.deep
@pytest.mark.timeout(SECONDS + 600)
def test_ten_minutes_of_faults_lose_and_double_nothing(template: Path) -> None:
    """Freezes, crashes, failovers, ended sessions: every write that was acknowledged is there exactly once."""
    seed = random.SystemRandom().randrange(2**32)
    logger.warning("seed %d", seed)
    with cluster(template) as made:
        made.sql("CREATE TABLE ledger (writer int, number int, PRIMARY KEY (writer, number))")
        made.sql("CREATE TABLE sums (writer int PRIMARY KEY, entries int NOT NULL)")
        made.sql(f"INSERT INTO sums SELECT n, 0 FROM generate_series(0, {WRITERS - 1}) n")
        soak = Soak(made, seed)
        database = made.writer(*soak.ports)
        acknowledged = [0] * WRITERS
        errors: list[BaseException] = []
        end = time.monotonic() + SECONDS

        def work(writer: int) -> None:
            try:
                while time.monotonic() < end:
                    write(database, writer, acknowledged[writer] + 1)
                    acknowledged[writer] += 1
            except BaseException as error:  # noqa: BLE001 - the test shows it
                errors.append(error)

        threads = [threading.Thread(target=work, args=(writer,)) for writer in range(WRITERS)]
        for thread in threads:
            thread.start()
        faults: list[Callable[[], None]] = [
            soak.freeze,
            soak.terminate,
            soak.restart_standby,
            soak.crash,
            soak.fail_over,
        ]
        while time.monotonic() < end and not errors:
            time.sleep(soak.random.uniform(1, 4))
            fault = soak.random.choice(faults)
            logger.warning("%s, %d acknowledged", fault.__name__, sum(acknowledged))
            fault()
        for thread in threads:
            thread.join(400)
        database.dispose()
        assert errors == [], f"seed {seed}"
        entries = made.sql("SELECT writer, count(*), max(number) FROM ledger GROUP BY writer ORDER BY writer")
        sums = made.sql("SELECT entries FROM sums ORDER BY writer")
    assert [int(line) for line in sums.split()] == acknowledged, f"seed {seed}"
    assert [tuple(map(int, line.split("|"))) for line in entries.split()] == [
        (writer, count, count) for writer, count in enumerate(acknowledged)
    ], f"seed {seed}"

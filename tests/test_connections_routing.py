"""Routing: replicas answer when they are far enough, and a backup only when nothing else does."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import column, func, select, table, text

from app.database.backup import BackupIsTheDatabaseError, BackupTooOldError
from app.database.engines import open_routed
from app.database.failover import repeat
from app.database.failures import DatabaseUnreachableError
from app.database.handles import ReadTransaction, Source, WritableDatabase
from app.database.health import Condition, Lag, ready
from app.database.replicas import CommitToken, ReplicaOfAnotherError
from app.database.routing import PrimaryUnavailableError, RoutedDatabase
from tests.cluster import Cluster, cluster, quick
from tests.postgres import Trio

_COUNT = select(func.count()).select_from(table("written", column("id")))
_TABLES = select(func.to_regclass("events"))


pytestmark = pytest.mark.xdist_group("connections-routing")


@pytest.fixture(scope="module")
def lasting(template: Path) -> Iterator[Cluster]:
    """A primary and a replica for tests that leave both alive."""
    with cluster(template, max_standby_streaming_delay="100ms") as made:
        made.add_standby()
        yield made


@pytest.fixture
def replicated(lasting: Cluster) -> Cluster:
    """The same with nothing written."""
    lasting.sql("TRUNCATE written")
    lasting.sql("SELECT pg_wal_replay_resume()", lasting.standbys[0])
    eventually(lambda: lasting.sql("SELECT count(*) FROM written", lasting.standbys[0]), "0")
    return lasting


@pytest.fixture
def mortal(template: Path) -> Iterator[Cluster]:
    """A primary and a replica to be killed."""
    with cluster(template) as made:
        made.add_standby()
        yield made


@contextmanager
def routed(made: Cluster, *replicas: int, **variables: str) -> Iterator[RoutedDatabase]:
    """The cluster's database, routed; its standbys are the replicas unless ports are named."""
    ports = replicas or tuple(standby.port for standby in made.standbys)
    urls = " ".join(
        f"postgresql://postgres:{made.primary.password}@127.0.0.1:{port}/events" for port in ports
    )
    connections = quick(LOCAL_REPLICA_URLS=urls, **variables)
    database = open_routed(made.settings(), process="tests", connections=connections)
    yield database
    database.dispose()


def write(writer: WritableDatabase) -> None:
    """One more row."""
    with writer.write() as transaction:
        transaction.execute(text("INSERT INTO written VALUES (:id, 0)"), {"id": uuid4()})


def seen(transaction: ReadTransaction) -> tuple[Source, int]:
    """Who answered, and how many rows they see."""
    return transaction.source, int(transaction.select(_COUNT).scalar_one())


def source(transaction: ReadTransaction) -> Source:
    """Who answered."""
    return seen(transaction)[0]


def eventually(ask: Callable[[], object], expected: object) -> None:
    """Ask until the answer is the expected one, at most a minute."""
    end = time.monotonic() + 60
    while (answer := ask()) != expected:
        assert time.monotonic() < end, answer
        time.sleep(0.05)


@pytest.mark.parametrize("snapshot", [False, True])
def test_everyone_reads_their_own_writes(replicated: Cluster, snapshot: bool) -> None:  # noqa: FBT001 - pytest's
    """With a token a paused replica is passed over, without one it answers, and it comes back by itself."""
    writer = replicated.writer()
    with routed(replicated) as database:
        eventually(lambda: repeat(database.read, source, quick()), Source.REPLICA)
        replicated.sql("SELECT pg_wal_replay_pause()", replicated.standbys[0])
        write(writer)
        token = database.token()
        with database.read(after=token, snapshot=snapshot) as transaction:
            assert seen(transaction) == (Source.PRIMARY, 1)
        with database.read(snapshot=snapshot) as transaction:
            assert seen(transaction) == (Source.REPLICA, 0)
        replicated.sql("SELECT pg_wal_replay_resume()", replicated.standbys[0])

        def own() -> tuple[Source, int]:
            with database.read(after=token, snapshot=snapshot) as transaction:
                return seen(transaction)

        eventually(own, (Source.REPLICA, 1))
    writer.dispose()


def test_a_replica_is_waited_for_within_the_budget(replicated: Cluster) -> None:
    """Straight after a write, the replica still answers when it gets there in time."""
    writer = replicated.writer()
    with routed(replicated, DATABASE_REPLICA_WAIT="10") as database:
        eventually(lambda: repeat(database.read, source, quick()), Source.REPLICA)
        for number in range(1, 6):
            write(writer)
            with database.read(after=database.token()) as transaction:
                assert seen(transaction) == (Source.REPLICA, number)
    writer.dispose()


def test_a_replica_too_far_behind_is_skipped(replicated: Cluster) -> None:
    """More bytes behind than allowed: the primary answers until it has caught up."""
    writer = replicated.writer()
    with routed(replicated, DATABASE_REPLICA_MAX_LAG="1000") as database:
        eventually(lambda: repeat(database.read, source, quick()), Source.REPLICA)
        replicated.sql("SELECT pg_wal_replay_pause()", replicated.standbys[0])
        for _ in range(50):
            write(writer)
        eventually(lambda: repeat(database.read, source, quick()), Source.PRIMARY)
        replicated.sql("SELECT pg_wal_replay_resume()", replicated.standbys[0])
        eventually(lambda: repeat(database.read, source, quick()), Source.REPLICA)
    writer.dispose()


def test_what_was_not_replayed_is_lag(replicated: Cluster) -> None:
    """Replay paused: bytes and seconds are told, and more of them than allowed is called lagging."""
    (standby,) = replicated.standbys
    reader = replicated.reader(standby.port)
    replicated.sql("SELECT pg_wal_replay_pause()", standby)
    replicated.sql("INSERT INTO written VALUES (gen_random_uuid(), 0)")

    def lag() -> Lag:
        found = ready(reader, deadline=30).lag
        assert found is not None
        return found

    eventually(lambda: lag().bytes > 0, expected=True)
    assert lag().seconds > 0
    assert lag().streaming
    assert ready(reader, deadline=30).condition is Condition.UP
    strict = quick(DATABASE_REPLICA_MAX_LAG="1")
    assert ready(reader, deadline=30, connections=strict).condition is Condition.LAGGING
    replicated.sql("SELECT pg_wal_replay_resume()", standby)
    eventually(lambda: lag().bytes, 0)
    reader.dispose()


def test_replicas_may_die_and_come_back(mortal: Cluster, trio: Trio) -> None:
    """No replica: the primary. No primary: a replica, saying so. Neither: the backup, saying how old."""
    (standby,) = mortal.standbys
    writer = mortal.writer()
    write(writer)
    trio.server.sql(
        "INSERT INTO control.runs (id, finished_at, outcome, target, commit, host, who)"
        " VALUES (gen_random_uuid(), now() - interval '1 hour', 'done', 'render_dev', '', '', '')",
        database=trio.render_dev.rsplit("/", 1)[1],
    )
    with routed(mortal, LOCAL_BACKUP_URL=trio.render_dev) as database:
        eventually(lambda: repeat(database.read, seen, quick()), (Source.REPLICA, 1))
        token = database.token()
        standby.kill()
        assert repeat(database.read, seen, quick()) == (Source.PRIMARY, 1)
        standby.start()
        eventually(lambda: repeat(database.read, seen, quick()), (Source.REPLICA, 1))

        mortal.primary.kill()
        eventually(lambda: repeat(database.read, seen, quick()), (Source.STALE_REPLICA, 1))
        with database.read() as transaction:
            assert transaction.as_of is not None
        with pytest.raises(PrimaryUnavailableError), database.read(after=CommitToken(token.position + 10**9)):
            pass
        with pytest.raises(DatabaseUnreachableError), writer.write():
            pass

        standby.kill()
        with pytest.raises(PrimaryUnavailableError), database.read():
            pass
        with database.read(allow_backup=True) as transaction:
            assert transaction.source is Source.BACKUP
            assert transaction.as_of is not None
            assert transaction.select(_TABLES).scalar_one() == "events"

        mortal.primary.start()
        standby.start()
        eventually(lambda: repeat(database.read, source, quick()), Source.REPLICA)
    with (
        routed(mortal, 1, LOCAL_BACKUP_URL=trio.render_dev, DATABASE_BACKUP_MAX_AGE="0.5") as database,
    ):
        mortal.primary.kill()
        with pytest.raises(PrimaryUnavailableError) as error, database.read(allow_backup=True):
            pass
        assert isinstance(error.value.__cause__, BackupTooOldError)
    writer.dispose()


def test_strangers_are_refused(replicated: Cluster, trio: Trio) -> None:
    """A replica of another cluster, and a backup that is the database itself, are configuration errors."""
    connections = quick(LOCAL_REPLICA_URLS=trio.local)
    database = open_routed(replicated.settings(), process="tests", connections=connections)
    with pytest.raises(ReplicaOfAnotherError), database.read():
        pass
    database.dispose()
    with routed(replicated, 1, LOCAL_BACKUP_URL=replicated.primary.url("events")) as itself:
        backup = itself.databases[-1]
        with pytest.raises(BackupIsTheDatabaseError), backup.read():
            pass


def test_a_recovery_conflict_is_retried(replicated: Cluster) -> None:
    """A replica that ends a reader for its primary's sake costs a retry."""
    replicated.sql("CREATE TABLE doomed AS SELECT 1 AS one")
    with routed(replicated) as database:
        eventually(lambda: repeat(database.read, source, quick()), Source.REPLICA)
        eventually(lambda: replicated.sql("SELECT to_regclass('doomed')", replicated.standbys[0]), "doomed")
        attempts = []

        def unit(transaction: ReadTransaction) -> int:
            attempts.append(transaction.source)
            if len(attempts) == 1:
                transaction.select(select(func.count()).select_from(table("doomed"))).scalar_one()
                replicated.sql("TRUNCATE doomed")
                time.sleep(0.5)
            return int(transaction.select(_COUNT).scalar_one())

        assert repeat(database.read, unit, quick()) == 0
    assert attempts[0] is Source.REPLICA
    assert len(attempts) > 1


@given(st.integers(0, 2**64 - 1))
def test_a_token_survives_being_carried_around(position: int) -> None:
    """Written and read again, a token is the same."""
    token = CommitToken(position)
    assert CommitToken.parse(str(token)) == token


@pytest.mark.parametrize("nonsense", ["", "0", "/", "x/1", "1/123456789", "1/2/3"])
def test_nonsense_is_no_token(nonsense: str) -> None:
    """What a visitor made up is refused, not sent to the database."""
    with pytest.raises(ValueError, match=r"position|invalid literal"):
        CommitToken.parse(nonsense)

"""Which node answers a unit of work: the primary, a replica that is far enough, or a backup that says so."""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from app.database.backup import age_of, refuse_same_cluster
from app.database.failures import DatabaseUnreachableError, PoolExhaustedError, TransactionConflictError
from app.database.handles import ReadOnlyDatabase, ReadTransaction, Source
from app.database.replicas import CommitToken, Node, ReplicaOfAnotherError, position_of, token_of
from app.database.stamp import Identity
from app.errors import TemporaryFailure
from settings.connections import ConnectionSettings


class PrimaryUnavailableError(DatabaseUnreachableError):
    """The database is away, and nothing that may stand in for it answers. Try again; `dance check` says what is the matter."""


class RoutedDatabase:
    """A database that is read from wherever the answer is good enough.

    The choice is made for a unit of work, never for a statement: what one transaction reads
    belongs together. Writing is not routed: that goes to the primary's own `WritableDatabase`.
    """

    def __init__(
        self,
        primary: ReadOnlyDatabase,
        replicas: Sequence[ReadOnlyDatabase],
        backup: ReadOnlyDatabase | None,
        connections: ConnectionSettings,
    ) -> None:
        """Take over what was opened; nothing connects yet.

        Args:
            primary: asked when no replica is fit.
            replicas: physical replicas of it, asked in turn.
            backup: a separate copy, asked only by those who allow it and when nothing else answers.
            connections: how long to wait for a replica, how far it may be behind, how old a backup.
        """
        self.environment = primary.environment
        self.label = primary.label
        self._primary = Node(primary)
        self._replicas = [Node(replica) for replica in replicas]
        self._backup = None if backup is None else Node(backup)
        self._connections = connections
        self._turn = itertools.count()
        self._identity: Identity | None = None

    @property
    def databases(self) -> tuple[ReadOnlyDatabase, ...]:
        """All of them, for health: primary, replicas, backup."""
        backup = () if self._backup is None else (self._backup,)
        return tuple(node.database for node in (self._primary, *self._replicas, *backup))

    def token(self) -> CommitToken:
        """What was written by now: taken after one's write, it makes `read(after=...)` see that write.

        Raises:
            DatabaseUnreachableError: the primary does not answer.
        """
        with self._primary.database.read() as transaction:
            return token_of(transaction)

    @contextmanager
    def read(
        self, *, after: CommitToken | None = None, snapshot: bool = False, allow_backup: bool = False
    ) -> Iterator[ReadTransaction]:
        """A READ ONLY transaction on the best node; its `source` and `as_of` say which and how old.

        Args:
            after: only a node that has this write may answer.
            snapshot: REPEATABLE READ.
            allow_backup: rather old than nothing; never together with `after`.

        Raises:
            PrimaryUnavailableError: no node that may answer does.
            ReplicaOfAnotherError: a replica is not the primary's.
        """
        chosen: list[Node] = []
        try:
            with ExitStack() as stack:
                transaction, node = self._open(stack, after, snapshot=snapshot, allow_backup=allow_backup)
                chosen.append(node)
                yield transaction
        except (DatabaseUnreachableError, TransactionConflictError):
            for node in chosen:
                node.rest()  # the caller's retry goes elsewhere
            raise

    def dispose(self) -> None:
        """Close every pooled connection."""
        for database in self.databases:
            database.dispose()

    def _open(
        self, stack: ExitStack, after: CommitToken | None, *, snapshot: bool, allow_backup: bool
    ) -> tuple[ReadTransaction, Node]:
        failure: TemporaryFailure | None = None
        for node, source in self._candidates(after, allow_backup=allow_backup):
            if node.is_resting and source is not Source.BACKUP:
                continue
            try:
                with ExitStack() as attempt:
                    transaction = self._enter(attempt, node, source, after, snapshot=snapshot)
                    if transaction is not None:
                        stack.push(attempt.pop_all())
                        return transaction, node
            except PoolExhaustedError as error:
                failure = error
            except TemporaryFailure as error:
                node.rest()
                failure = error
        raise PrimaryUnavailableError(
            f"{self.environment} ({self.label}): {PrimaryUnavailableError.__doc__}"
        ) from failure

    def _candidates(self, after: CommitToken | None, *, allow_backup: bool) -> Iterator[tuple[Node, Source]]:
        """Fit replicas in turn, the primary, and without a token whatever still answers."""
        start = next(self._turn)
        count = len(self._replicas)
        turn = [self._replicas[(start + offset) % count] for offset in range(count)]
        yield from ((node, Source.REPLICA) for node in turn)
        yield self._primary, Source.PRIMARY
        if after is None:
            yield from ((node, Source.STALE_REPLICA) for node in turn)
            if allow_backup and self._backup is not None:
                yield self._backup, Source.BACKUP

    def _enter(
        self,
        attempt: ExitStack,
        node: Node,
        source: Source,
        after: CommitToken | None,
        *,
        snapshot: bool,
    ) -> ReadTransaction | None:
        known = source is not Source.REPLICA or node.knows(after, self._connections.replica_max_lag)
        if snapshot and not known:  # its first statement would fix what it sees, before the replica is there
            with node.database.read() as asking:
                known = self._reaches(node, asking, after)
            if not known:
                return None
        transaction = attempt.enter_context(node.database.read(snapshot=snapshot))
        if not known and not self._reaches(node, transaction, after):
            return None
        if source is Source.PRIMARY and self._backup is not None and self._identity is None:
            self._identity = transaction.declaration().identity
        elif source is Source.STALE_REPLICA:
            transaction.as_of = position_of(transaction).as_of
        elif source is Source.BACKUP:
            if self._identity is not None:
                refuse_same_cluster(transaction.declaration().identity, self._identity, node.database.label)
            transaction.as_of = age_of(transaction, max_hours=self._connections.backup_max_age)
        transaction.source = source
        return transaction

    def _reaches(self, node: Node, transaction: ReadTransaction, after: CommitToken | None) -> bool:
        self._verify(node, transaction)
        return node.reaches(
            transaction,
            after,
            max_lag=self._connections.replica_max_lag,
            wait=0.0 if after is None else self._connections.replica_wait,
        )

    def _verify(self, node: Node, transaction: ReadTransaction) -> None:
        """Once for each replica, as soon as the primary can be asked: it must be the primary's own cluster."""
        if node.is_verified:
            return
        if self._identity is None:
            if self._primary.is_resting:
                return
            try:
                with self._primary.database.read() as asking:
                    self._identity = asking.declaration().identity
            except TemporaryFailure:
                self._primary.rest()
                return
        if not transaction.declaration().identity.matches(self._identity):
            raise ReplicaOfAnotherError(f"{node.database.label}: {ReplicaOfAnotherError.__doc__}")
        node.is_verified = True

"""Every database that the configuration names, looked at: for `dance check`."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

from app.database.backup import BackupIsTheDatabaseError, refuse_same_cluster
from app.database.engines import open_configured
from app.database.handles import ReadOnlyDatabase
from app.database.health import Condition, Health, diagnose
from app.database.replicas import ReplicaOfAnotherError
from app.database.roles import abilities_of
from app.database.schema import newest_revision
from app.database.stamp import Identity
from app.errors import AppError, Refused, TemporaryFailure
from settings import ConfigurationError, DatabaseTarget, Settings

_BACKUP: Final = " backup"
_EXIT: Final = {
    Condition.UP: 0,
    Condition.LAGGING: AppError.exit_status,
    Condition.POOL_EXHAUSTED: TemporaryFailure.exit_status,
    Condition.READ_ONLY: TemporaryFailure.exit_status,
    Condition.DOWN: TemporaryFailure.exit_status,
    Condition.WRONG_DATABASE: Refused.exit_status,
}


@dataclass(frozen=True)
class Inspected:
    """One database, looked at.

    Attributes:
        name: its target, and whether it is a replica or a backup.
        label: where it is; no password.
        health: what it said of itself.
        problems: sentences with the remedy; empty when all is as it should be.
        role: what the connected role could do if every softer guard failed, in a sentence.
        identity: what it physically is; None when it did not answer.
    """

    name: str
    label: str
    health: Health
    problems: tuple[str, ...]
    role: str
    identity: Identity | None = None

    @property
    def exit_status(self) -> int:
        """What this database alone would have `dance check` end with."""
        return _EXIT[self.health.condition] or (AppError.exit_status if self.problems else 0)


def open_all(settings: Settings) -> dict[str, ReadOnlyDatabase]:
    """Open every database that the configuration names, read-only, by a name for people; nothing connects yet."""
    found: dict[str, ReadOnlyDatabase] = {}
    for target in DatabaseTarget:
        try:
            found |= open_configured(
                settings.database, target, process="check", connections=settings.connections
            )
        except ConfigurationError:
            continue  # the settings are in order, they only name no database for this target
    return found


def inspect_all(
    databases: Mapping[str, ReadOnlyDatabase], settings: Settings, *, deadline: float
) -> list[Inspected]:
    """Look at all of them at once.

    Args:
        databases: what `open_all` opened.
        settings: for the connection budget.
        deadline: seconds after which a database that did not answer is down.
    """
    with ThreadPoolExecutor(max_workers=max(1, len(databases))) as together:
        found = list(
            together.map(
                lambda item: _inspect(item[0], item[1], settings, deadline=deadline), databases.items()
            )
        )
    primaries = {one.name: one.identity for one in found}
    return [_compared(one, primaries.get(str(one.health.environment))) for one in found]


def worst(inspected: list[Inspected]) -> int:
    """The exit status for all: refused by a guard is worse than away, away worse than not in order."""
    return max((one.exit_status for one in inspected), default=0)


def _inspect(name: str, database: ReadOnlyDatabase, settings: Settings, *, deadline: float) -> Inspected:
    diagnosis = diagnose(database, deadline=deadline, connections=settings.connections)
    health = diagnosis.health
    problems = [diagnosis.reason or health.remedy] if health.condition is not Condition.UP else []
    role, identity = "", None
    if health.server_version is not None:
        problems += _disorder(name, health)
        try:
            with database.read() as transaction:
                role = str(abilities_of(transaction))
                identity = transaction.declaration().identity
        except AppError as error:
            problems.append(str(error))
    return Inspected(name, database.label, health, tuple(problems), role, identity)


def _compared(one: Inspected, primary: Identity | None) -> Inspected:
    """A backup must not be in its primary's cluster, a replica must."""
    if primary is None or one.identity is None:
        return one
    problem = ""
    if one.name.endswith(_BACKUP):
        try:
            refuse_same_cluster(one.identity, primary, one.label)
        except BackupIsTheDatabaseError as error:
            problem = str(error)
    elif not one.identity.matches(primary):
        problem = f"{one.label}: {ReplicaOfAnotherError.__doc__}"
    return replace(one, problems=(*one.problems, problem)) if problem else one


def _disorder(name: str, health: Health) -> list[str]:
    """What is not as it should be in a database that answers."""
    found: list[str] = []
    if name.endswith(_BACKUP):
        return found
    if health.revision != newest_revision():
        there = health.revision or "none"
        found.append(
            f"Its schema has revision {there}, this code expects {newest_revision()}: `dance migrate`."
        )
    if health.stamp is None:
        found.append("It does not say which environment it is: `dance stamp`.")
    if health.budget is not None and not health.budget.suffices:
        found.append(
            f"All processes together may open {health.budget.wanted} connections, the server has"
            f" {health.budget.available} for this role: lower DATABASE_POOL_SIZE or DATABASE_PROCESSES."
        )
    if health.role == "primary" and " replica " in name:
        found.append("It is configured as a replica and is a primary: it was promoted, or never was one.")
    return found

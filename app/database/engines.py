"""The engine factory: the only caller of `create_engine` (DR009). Nothing connects at import."""

import logging
from functools import lru_cache
from itertools import zip_longest
from typing import Any

from sqlalchemy import URL, Engine, create_engine, make_url

from app.database import dialect, failover, pooling
from app.database.backup import BackupGuard
from app.database.guards import StampGuard, keep_read_only
from app.database.handles import ReadOnlyDatabase, WritableDatabase
from app.database.permits import Active, Production, Purpose, WritePermit, WritePermitError
from app.database.routing import RoutedDatabase
from app.errors import Refused
from settings import Access, DatabaseSettings, DatabaseTarget
from settings.connections import ConnectionSettings, Pooler

logger = logging.getLogger(__name__)


class ReadOnlyTargetError(Refused):
    """This process may only read its database. Set DATABASE_TARGET to one that it may write."""


def open_reader(
    settings: DatabaseSettings, *, process: str, connections: ConnectionSettings = pooling.DEFAULTS
) -> ReadOnlyDatabase[Active]:
    """The active database, read-only whatever the target's access is, by the reading role where one is configured.

    Args:
        settings: which database, and why.
        process: names this process in `pg_stat_activity` and in the log.
        connections: pool, timeouts and retries.
    """
    url = make_url(settings.active_reader_url.get_secret_value())
    _announce(settings, url, "read-only")
    return _reader(url, settings.target, process, connections)


def open_writer(
    settings: DatabaseSettings,
    *,
    process: str,
    permit: WritePermit | None = None,
    connections: ConnectionSettings = pooling.DEFAULTS,
) -> WritableDatabase[Active]:
    """The active database, to be written.

    Args:
        settings: which database, and why.
        process: names this process in `pg_stat_activity` and in the log.
        permit: needed when the active database is production, or carries no stamp yet.
        connections: pool, timeouts and retries.

    Raises:
        ReadOnlyTargetError: the settings say that this process may only read it (DR002).
        WritePermitError: it is production and there is no permit for it.
    """
    _require_access(settings)
    if permit is not None or settings.target is DatabaseTarget.RENDER_PROD:
        _check(permit, settings.target)
    url = make_url(settings.active_url.get_secret_value())
    _announce(settings, url, "read-write")
    return _writer(url, settings.target, process, permit, connections)


def open_production_reader(
    settings: DatabaseSettings, *, process: str, connections: ConnectionSettings = pooling.DEFAULTS
) -> ReadOnlyDatabase[Production]:
    """Production, read-only, whatever the target is, by the reading role where one is configured.

    Args:
        settings: which database.
        process: names this process in `pg_stat_activity`.
        connections: pool, timeouts and retries.

    Raises:
        ConfigurationError: no production URL is configured.
    """
    url = make_url(settings.production_reader_url.get_secret_value())
    return _reader(url, DatabaseTarget.RENDER_PROD, process, connections)


def open_production_writer(
    settings: DatabaseSettings,
    permit: WritePermit[Production],
    *,
    process: str,
    connections: ConnectionSettings = pooling.DEFAULTS,
) -> WritableDatabase[Production]:
    """Production, to be written by the holder of a permit, whatever the target is.

    Args:
        settings: which database.
        permit: for production.
        process: names this process in `pg_stat_activity`.
        connections: pool, timeouts and retries.

    Raises:
        ConfigurationError: no production URL is configured.
        WritePermitError: the permit is for another environment.
        ReadOnlyTargetError: the web service's permit, but production is not its target on Render (DR002).
    """
    _check(permit, DatabaseTarget.RENDER_PROD)
    if permit.purpose is Purpose.WEB_SERVICE:
        _require_access(settings)
        _check(permit, settings.target)
    url = make_url(settings.production_url.get_secret_value())
    announcement = f"Database: render_prod ({permit.purpose}) → {label(url)}, read-write from here on"
    return _writer(url, DatabaseTarget.RENDER_PROD, process, permit, connections, announcement=announcement)


def open_permitted(
    settings: DatabaseSettings,
    permit: WritePermit[Any],
    *,
    process: str,
    connections: ConnectionSettings = pooling.DEFAULTS,
) -> WritableDatabase:
    """The database that a permit is for, production or the active one, to be written by its holder.

    Args:
        settings: which databases.
        permit: of the one to be opened.
        process: names this process in `pg_stat_activity`.
        connections: pool, timeouts and retries.

    Raises:
        ConfigurationError: no production URL is configured.
        WritePermitError: the permit is for neither.
        ReadOnlyTargetError: this process may only read.
    """
    if permit.environment is DatabaseTarget.RENDER_PROD:
        return open_production_writer(settings, permit, process=process, connections=connections)
    return open_writer(settings, process=process, permit=permit, connections=connections)


def open_configured(
    settings: DatabaseSettings, target: DatabaseTarget, *, process: str, connections: ConnectionSettings
) -> dict[str, ReadOnlyDatabase]:
    """What the configuration names for one target, whatever the active one is, to be looked at as readers see it.

    Returns:
        The database, its replicas and its backup, by a name for people.

    Raises:
        ConfigurationError: it names no such database.
    """
    chosen = settings.model_copy(update={"target": target})
    url = make_url(chosen.active_reader_url.get_secret_value())
    found = {str(target): _reader(url, target, process, connections)}
    for number, replica in enumerate(open_replicas(chosen, process=process, connections=connections), 1):
        found[f"{target} replica {number}"] = replica
    backup = open_backup(chosen, process=process, connections=connections)
    return found if backup is None else {**found, f"{target} backup": backup}


def open_replicas(
    settings: DatabaseSettings, *, process: str, connections: ConnectionSettings
) -> tuple[ReadOnlyDatabase[Active], ...]:
    """The physical replicas of the active database; none when none is configured."""
    urls = (make_url(url.get_secret_value()) for url in connections.replica_urls(settings.target))
    return tuple(_reader(url, settings.target, process, connections) for url in urls)


def open_backup(
    settings: DatabaseSettings, *, process: str, connections: ConnectionSettings
) -> ReadOnlyDatabase[Active] | None:
    """The separate copy that may be read while the active database is away; None when there is none."""
    found = connections.backup_url(settings.target)
    if found is None:
        return None
    url = make_url(found.get_secret_value())
    return _reader(url, settings.target, process, connections, guard=BackupGuard)


def open_routed(
    settings: DatabaseSettings, *, process: str, connections: ConnectionSettings
) -> RoutedDatabase:
    """The active database with its replicas and its backup, to be read."""
    return RoutedDatabase(
        open_reader(settings, process=process, connections=connections),
        open_replicas(settings, process=process, connections=connections),
        open_backup(settings, process=process, connections=connections),
        connections,
    )


def label(url: URL) -> str:
    """Host, port and database of a URL for people; no user and no password."""
    hosts, ports = (str(url.query.get(key, "")).split(",") for key in ("host", "port"))
    if url.host or not any(hosts):
        hosts, ports = [url.host or "socket"], [str(url.port or "")]
    places = (f"{host}:{port}" if port else host for host, port in zip_longest(hosts, ports, fillvalue=""))
    return f"{','.join(places)}/{url.database}"


def _require_access(settings: DatabaseSettings) -> None:
    if settings.access is not Access.READ_WRITE:
        raise ReadOnlyTargetError(
            f"{settings.target} is read-only for this process. {ReadOnlyTargetError.__doc__}"
        )


def _check(permit: WritePermit | None, environment: DatabaseTarget) -> None:
    if not isinstance(permit, WritePermit) or permit.environment is not environment:
        raise WritePermitError


def _reader(
    url: URL,
    environment: DatabaseTarget,
    process: str,
    connections: ConnectionSettings,
    guard: type[StampGuard] = StampGuard,
) -> ReadOnlyDatabase:
    engine = _engine(url, process, connections, read_only=True)
    keep_read_only(engine)
    verifying = guard(environment, label(url), writing=False)
    verifying.watch(engine)
    return ReadOnlyDatabase(engine, verifying)


def _writer(
    url: URL,
    environment: DatabaseTarget,
    process: str,
    permit: WritePermit | None,
    connections: ConnectionSettings,
    *,
    announcement: str = "",
) -> WritableDatabase:
    engine = _engine(url, process, connections, read_only=False)
    guard = StampGuard(environment, label(url), writing=True, purpose=permit and permit.purpose)
    guard.watch(engine)
    return WritableDatabase(engine, guard, announcement)


def _engine(url: URL, process: str, connections: ConnectionSettings, *, read_only: bool) -> Engine:
    # connect_args replace the URL's options: they are merged, and the guard's come last and win.
    asked = url.query.get("options", "")
    options = [asked if isinstance(asked, str) else " ".join(asked)]
    if connections.pooler is not Pooler.TRANSACTION:
        options += ["-c timezone=UTC", *pooling.session_options(connections)]
        if read_only:
            options.append("-c default_transaction_read_only=on")
    arguments = pooling.connect_arguments(connections, process, read_only=read_only)
    engine = create_engine(
        url.difference_update_query(["options"]).set(drivername=dialect.DRIVER),
        hide_parameters=True,
        use_native_hstore=False,  # asks the server at each connect, for a type that nothing here has
        connect_args={**arguments, "options": " ".join(filter(None, options))},
        **pooling.engine_arguments(connections),
    )
    failover.watch(engine, connections, writes=not read_only)
    return engine


def _announce(settings: DatabaseSettings, url: URL, access: str) -> None:
    _announce_once(
        f"Database: {settings.target} ({'explicit' if settings.target_is_explicit else 'inferred'})"
        f" → {label(url)}, {access}, {'on Render' if settings.on_render else 'not on Render'}"
    )


@lru_cache
def _announce_once(line: str) -> None:
    logger.info(line)

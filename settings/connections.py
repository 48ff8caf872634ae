"""How connections are made, kept, bounded and replaced."""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field, SecretStr

from settings.findings import Finding, Rule
from settings.group import SettingsGroup
from settings.marks import DatabaseUrls, OnRender
from settings.reading import Reading
from settings.secret_url import SecretUrl
from settings.targets import CHOICES, DatabaseTarget
from settings.urls import DatabaseUrl, parse
from settings.values import split_urls


class Pool(StrEnum):
    """What becomes of a connection after its transaction."""

    KEEP = "keep"
    """It waits in the process's pool for the next one."""
    NONE = "none"
    """It is closed: for short jobs that come many at a time."""


class Pooler(StrEnum):
    """Whether a pooler in transaction mode (PgBouncer) stands between this process and the database."""

    AUTO = "auto"
    """The first connection finds out."""
    TRANSACTION = "transaction"
    DIRECT = "direct"


Url = Annotated[SecretUrl | None, DatabaseUrls()]
Urls = Annotated[tuple[SecretUrl, ...], DatabaseUrls(many=True)]

_VARIABLES: Final = {
    DatabaseTarget.LOCAL: ("LOCAL_REPLICA_URLS", "LOCAL_BACKUP_URL"),
    DatabaseTarget.RENDER_DEV: ("RENDER_DEV_REPLICA_DB_URLS", "RENDER_DEV_BACKUP_DB_URL"),
    DatabaseTarget.RENDER_PROD: ("RENDER_REPLICA_DB_URLS", "RENDER_BACKUP_DB_URL"),
}


class ConnectionSettings(SettingsGroup):
    """Pool, timeouts, retries, replicas and backups."""

    pool: Annotated[Pool, OnRender(cron="none")] = Field(
        default=Pool.KEEP,
        alias="DATABASE_POOL",
        description="keep: connections are pooled; none: closed after each use, for cron jobs.",
    )
    pool_size: int = Field(
        default=5,
        ge=1,
        le=500,
        alias="DATABASE_POOL_SIZE",
        description="Connections that each process keeps open.",
    )
    pool_overflow: int = Field(
        default=5,
        ge=0,
        le=500,
        alias="DATABASE_POOL_OVERFLOW",
        description="Connections beyond the pool's size that a process may open for a moment.",
    )
    pool_timeout: float = Field(
        default=10,
        gt=0,
        le=300,
        alias="DATABASE_POOL_TIMEOUT",
        description="Seconds to wait for a free connection of the pool.",
    )
    pool_recycle: int = Field(
        default=300,
        ge=1,
        alias="DATABASE_POOL_RECYCLE",
        description="Seconds after which a pooled connection is replaced.",
    )
    pool_lifo: bool = Field(
        default=True,
        alias="DATABASE_POOL_LIFO",
        description="Whether the connection used last is used next, so that the others may age away.",
    )
    pool_ping: bool = Field(
        default=True,
        alias="DATABASE_POOL_PING",
        description="Whether a pooled connection must prove itself before each use (one round trip).",
    )
    processes: int = Field(
        default=1,
        ge=1,
        alias="DATABASE_PROCESSES",
        description="Processes that share the server's connections: `dance check` compares the sum.",
    )
    pooler: Pooler = Field(
        default=Pooler.AUTO,
        alias="DATABASE_POOLER",
        description="Whether PgBouncer in transaction mode is in between: auto, transaction or direct.",
    )
    connect_timeout: int = Field(
        default=5,
        ge=2,
        le=60,
        alias="DATABASE_CONNECT_TIMEOUT",
        description="Seconds to connect to one host, and for the server's answer to what is always quick.",
    )
    network_timeout: int = Field(
        default=10,
        ge=2,
        le=600,
        alias="DATABASE_NETWORK_TIMEOUT",
        description="Seconds after which a silent network counts as dead (TCP user timeout and keepalives).",
    )
    statement_timeout: float = Field(
        default=300,
        ge=0,
        alias="DATABASE_STATEMENT_TIMEOUT",
        description="Seconds for one statement; 0: no limit. DATABASE_CONNECT_TIMEOUT later the client gives up.",
    )
    lock_timeout: float = Field(
        default=10,
        ge=0,
        alias="DATABASE_LOCK_TIMEOUT",
        description="Seconds to wait for a lock; 0 for no limit.",
    )
    idle_timeout: float = Field(
        default=300,
        ge=0,
        alias="DATABASE_IDLE_TIMEOUT",
        description="Seconds that a transaction may sit idle before the server ends it; 0 for no limit.",
    )
    retry_for: float = Field(
        default=30,
        ge=0,
        le=600,
        alias="DATABASE_RETRY_FOR",
        description="Seconds for which a unit of work is tried again after a passing failure.",
    )
    replica_wait: float = Field(
        default=0.2,
        ge=0,
        le=10,
        alias="DATABASE_REPLICA_WAIT",
        description="Seconds to wait for a replica to reach one's own write before the primary is asked.",
    )
    replica_max_lag: int = Field(
        default=16 * 1024 * 1024,
        ge=0,
        alias="DATABASE_REPLICA_MAX_LAG",
        description="Bytes of write-ahead log that a replica may be behind and still answer.",
    )
    backup_max_age: float = Field(
        default=48,
        gt=0,
        alias="DATABASE_BACKUP_MAX_AGE",
        description="Hours after which a backup's data are too old to be shown.",
    )
    local_replica_urls: Urls = Field(
        default=(),
        alias="LOCAL_REPLICA_URLS",
        description="Physical replicas of the local database, separated by blanks.",
    )
    dev_replica_urls: Urls = Field(
        default=(),
        alias="RENDER_DEV_REPLICA_DB_URLS",
        description="Physical replicas of Render's development database, separated by blanks.",
    )
    prod_replica_urls: Urls = Field(
        default=(),
        alias="RENDER_REPLICA_DB_URLS",
        description="Physical replicas of the production database, separated by blanks.",
    )
    local_backup_url: Url = Field(
        default=None,
        alias="LOCAL_BACKUP_URL",
        description="A separate copy that is read while the local database is away.",
    )
    dev_backup_url: Url = Field(
        default=None,
        alias="RENDER_DEV_BACKUP_DB_URL",
        description="A separate copy that is read while Render's development database is away.",
    )
    prod_backup_url: Url = Field(
        default=None,
        alias="RENDER_BACKUP_DB_URL",
        description="A separate copy that is read while the production database is away.",
    )

    def load(self, reading: Reading, findings: list[Finding]) -> None:
        """Take the values, and tell of a backup that would fail together with what it stands in for."""
        super().load(reading, findings)
        for target, (replicas, backup) in _VARIABLES.items():
            places = _places(reading, backup)
            if not places:
                continue
            findings.extend(
                Finding(
                    rule=Rule.SAME_DATABASE,
                    variable=backup,
                    problem=f"leads to the same database as {variable}, so it is no backup",
                    remedy=reading.without(backup),
                    source=reading.source(backup),
                )
                for variable in (*CHOICES[target][True], replicas)
                if places & _places(reading, variable)
            )

    def replica_urls(self, target: DatabaseTarget) -> tuple[SecretStr, ...]:
        """The replicas of a target."""
        return {
            DatabaseTarget.LOCAL: self.local_replica_urls,
            DatabaseTarget.RENDER_DEV: self.dev_replica_urls,
            DatabaseTarget.RENDER_PROD: self.prod_replica_urls,
        }[target]

    def backup_url(self, target: DatabaseTarget) -> SecretStr | None:
        """The backup of a target."""
        return {
            DatabaseTarget.LOCAL: self.local_backup_url,
            DatabaseTarget.RENDER_DEV: self.dev_backup_url,
            DatabaseTarget.RENDER_PROD: self.prod_backup_url,
        }[target]


def _places(reading: Reading, variable: str) -> frozenset[tuple[str, int, str]]:
    """Where the URLs of a variable lead, as far as they can be read."""
    found = (parse(text) for text in split_urls(reading.text(variable) or "") if text)
    return frozenset(place for url in found if isinstance(url, DatabaseUrl) for place in url.locations)

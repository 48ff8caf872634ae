"""Which database this process talks to, and what it may do there."""

from typing import Annotated, Any

from pydantic import Field, SecretStr, computed_field

from settings import targets
from settings.destinations import REHEARSAL
from settings.findings import ConfigurationError, Finding, Rule
from settings.group import SettingsGroup
from settings.marks import SECRET, DatabaseUrls, FromDatabase, FromPlatform, OnRender
from settings.reading import Reading
from settings.rules import decide
from settings.secret_url import SecretUrl
from settings.targets import CHOICES, PLATFORM, READER, TARGET, Access, DatabaseTarget
from settings.urls import SHAPE

Url = Annotated[SecretUrl | None, DatabaseUrls()]
DEVELOPMENT = FromDatabase("dance-development")
PRODUCTION = FromDatabase("dance-production")


def _inferred(fields: dict[str, Any]) -> DatabaseTarget:
    return targets.inferred_target(on_render=fields["on_render"])


class DatabaseSettings(SettingsGroup):
    """The three databases and the choice between them."""

    on_render: Annotated[bool, FromPlatform()] = Field(
        default=False,
        alias="RENDER",
        description="Whether this process runs on Render. Render sets it; nobody else does.",
    )
    target: Annotated[DatabaseTarget, OnRender(web="render_prod", cron="render_dev")] = Field(
        default_factory=_inferred,
        alias="DATABASE_TARGET",
        description="Which database this process talks to: local, render_dev or render_prod.",
    )
    local_url: Url = Field(
        default=None,
        alias="DATABASE_CONNECTION_STRING",
        description="The local database.",
    )
    dev_external_url: Url = Field(
        default=None,
        alias="RENDER_DEV_EXTERNAL_DB_URL",
        description="Render's development database, from outside of Render.",
    )
    dev_internal_url: Annotated[Url, OnRender(cron=DEVELOPMENT)] = Field(
        default=None,
        alias="RENDER_DEV_INTERNAL_DB_URL",
        description="Render's development database, from within Render's private network.",
    )
    prod_external_url: Url = Field(
        default=None,
        alias="RENDER_EXTERNAL_DB_URL",
        description="The production database, from outside of Render.",
    )
    prod_internal_url: Annotated[Url, OnRender(web=PRODUCTION, cron=PRODUCTION)] = Field(
        default=None,
        alias="RENDER_INTERNAL_DB_URL",
        description="The production database, from within Render's private network.",
    )
    prod_reader_url: Annotated[Url, OnRender(web=SECRET, cron=SECRET)] = Field(
        default=None,
        alias=READER,
        description="The production database by a role that can only read it; `dance roles` makes one.",
    )

    rehearsal: bool = Field(
        default=False,
        alias=REHEARSAL,
        description="Whether the databases only stand for others, as the sandbox's do: then all must be on this machine.",
    )

    @property
    def target_is_explicit(self) -> bool:
        """Whether `DATABASE_TARGET` named the target."""
        return "target" in self.model_fields_set

    @property
    def access(self) -> Access:
        """What this process may do to the target (DR002)."""
        return targets.access(self.target, explicit=self.target_is_explicit, on_render=self.on_render)

    @property
    def environment_name(self) -> str:
        """The target's name for people."""
        return targets.NAMES[self.target]

    @computed_field  # type: ignore[prop-decorator]  # mypy does not know decorated properties
    @property
    def active_url(self) -> SecretStr:
        """The target's URL for SQLAlchemy."""
        return self._chosen(self.target)

    @property
    def production_url(self) -> SecretStr:
        """Production's URL for SQLAlchemy, whatever the target is.

        Raises:
            ConfigurationError: It is not configured; the variable is named.
        """
        return self._chosen(DatabaseTarget.RENDER_PROD)

    @property
    def active_reader_url(self) -> SecretStr:
        """The target's URL for whoever only reads: the reading role's, where one is configured."""
        return self.production_reader_url if self.target is DatabaseTarget.RENDER_PROD else self.active_url

    @property
    def production_reader_url(self) -> SecretStr:
        """Production's URL for whoever only reads it, whatever the target is.

        Raises:
            ConfigurationError: Neither it nor production's own is configured.
        """
        return self.prod_reader_url or self.production_url

    def _chosen(self, target: DatabaseTarget) -> SecretStr:
        variables = CHOICES[target][self.on_render]
        fields = {slot.variable: slot.field for slot in self.slots}
        for variable in variables:
            url: SecretStr | None = getattr(self, fields[variable])
            if url is not None:
                return url
        raise ConfigurationError(
            (
                Finding(
                    rule=Rule.URL_MISSING,
                    variable=variables[-1],
                    problem=f"is not set, and {targets.NAMES[target]} is needed",
                    remedy=f"{variables[-1]}={SHAPE}",
                ),
            ),
        )

    def load(self, reading: Reading, findings: list[Finding]) -> None:
        """Let the rules decide, then take what they decided."""
        decision = decide(reading)
        findings.extend(decision.findings)
        if decision.target is None or not all(finding.is_warning for finding in decision.findings):
            return
        values: dict[str, object] = {
            variable: url.text(tls=not decision.on_render and url.is_remote)
            for variable, url in decision.urls.items()
        }
        values[PLATFORM] = bool(decision.on_render)
        if decision.explicit:
            values[TARGET] = decision.target
        self.fill(values)

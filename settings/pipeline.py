"""What the pipeline reads, and which language model it may ask."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr

from settings.group import SettingsGroup
from settings.marks import SECRET, OnRender

Secret = Annotated[SecretStr | None, OnRender(cron=SECRET)]


class PipelineSettings(SettingsGroup):
    """Where the pipeline's sources are listed, and the language model for what its rules leave open."""

    sources_file: Path = Field(
        default=Path("samples/sources.toml"),
        alias="SOURCES_FILE",
        description="TOML file that lists the pipeline's sources; relative to the current directory.",
    )
    eventbrite_token: Secret = Field(
        default=None,
        alias="EVENTBRITE_TOKEN",
        description="Token for Eventbrite's API; without it its public pages are read.",
    )
    facebook_token: Secret = Field(
        default=None,
        alias="FACEBOOK_TOKEN",
        description="Token for Facebook's Graph API; without it Facebook pages are skipped.",
    )
    facebook_ical_url: Secret = Field(
        default=None,
        alias="FACEBOOK_ICAL_URL",
        description="A person's own iCal export address on Facebook, which is a key; without it the export is skipped.",
    )
    model_url: str | None = Field(
        default=None,
        alias="LANGUAGE_MODEL_URL",
        pattern=r"^https?://[^\s@]+$",
        description="Base URL of an OpenAI-compatible endpoint, as in https://api.example/v1; unset: none is asked.",
    )
    model_name: str | None = Field(
        default=None,
        alias="LANGUAGE_MODEL_NAME",
        description="The model's name at that endpoint; unset: none is asked.",
    )
    model_key: Secret = Field(
        default=None,
        alias="LANGUAGE_MODEL_KEY",
        description="API key of that endpoint, when it needs one.",
    )
    model_budget: int = Field(
        default=200,
        ge=0,
        alias="LANGUAGE_MODEL_BUDGET",
        description="Most calls of the language model in a run.",
    )
    model_timeout: float = Field(
        default=30.0,
        gt=0,
        le=600,
        alias="LANGUAGE_MODEL_TIMEOUT",
        description="Seconds for one call of the language model.",
    )

    def source_secrets(self) -> dict[str, SecretStr]:
        """What sources may need, by variable; those that are not set are left out."""
        found = {
            "EVENTBRITE_TOKEN": self.eventbrite_token,
            "FACEBOOK_TOKEN": self.facebook_token,
            "FACEBOOK_ICAL_URL": self.facebook_ical_url,
        }
        return {variable: secret for variable, secret in found.items() if secret is not None}

"""What the pipeline reads, and which language model it may ask."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr

from settings.group import SettingsGroup
from settings.marks import SECRET, OnRender


class PipelineSettings(SettingsGroup):
    """Where the pipeline's sources are listed, and the language model for what its rules leave open."""

    sources_file: Path = Field(
        default=Path("samples/sources.toml"),
        alias="SOURCES_FILE",
        description="TOML file that lists the pipeline's sources; relative to the current directory.",
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
    model_key: Annotated[SecretStr | None, OnRender(cron=SECRET)] = Field(
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

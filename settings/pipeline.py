"""What the pipeline reads."""

from pathlib import Path

from pydantic import Field

from settings.group import SettingsGroup


class PipelineSettings(SettingsGroup):
    """Where the pipeline's sources are listed."""

    sources_file: Path = Field(
        default=Path("samples/sources.toml"),
        alias="SOURCES_FILE",
        description="TOML file that lists the pipeline's sources; relative to the current directory.",
    )

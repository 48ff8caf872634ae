"""Every setting of the application, in groups.

To add a group:

1. Write `settings/<group>.py` with a `SettingsGroup` (as in `settings/database.py`). Its docstring's first
   sentence is its heading in the reference. Each field has the exact name of its variable as `alias`, a sound
   default and a `description`: one sentence that says what it is, in which unit, and who sets it.
   - Types and bounds are pydantic's: `Field(ge=1)`, an enum, `SecretStr` for whatever is secret.
   - A `tuple[str, ...]` takes words separated by commas or blanks.
   - The URL of a database is `Annotated[SecretUrl | None, DatabaseUrls()]`, several are
     `Annotated[tuple[SecretUrl, ...], DatabaseUrls(many=True)]`: the rules for URLs apply.
   - What only the platform sets is `Annotated[..., FromPlatform()]`; what render.yaml sets is
     `Annotated[..., OnRender(web=..., cron=...)]`.
2. Add one line to `Settings` below.

Its variables are then known to the one error that lists all problems, the search for near misses,
`dance config`, `.env.example`, `docs/settings.md`, the JSON schema and render.yaml.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from settings.connections import ConnectionSettings
from settings.database import DatabaseSettings
from settings.findings import Finding
from settings.group import SettingsGroup
from settings.pipeline import PipelineSettings
from settings.promotion import PromotionSettings
from settings.reading import Reading
from settings.web import WebSettings


class Settings(SettingsGroup):
    """All groups, read together: `Settings()` for this process, `Settings.from_environ(...)` for any other."""

    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    connections: ConnectionSettings = Field(default_factory=ConnectionSettings)
    pipeline: PipelineSettings = Field(default_factory=PipelineSettings)
    promotion: PromotionSettings = Field(default_factory=PromotionSettings)
    web: WebSettings = Field(default_factory=WebSettings)

    def load(self, reading: Reading, findings: list[Finding]) -> None:
        """Load every group, so that all problems are in one error."""
        groups: dict[str, SettingsGroup] = {}
        for name, field in type(self).model_fields.items():
            kind = field.annotation
            if isinstance(kind, type) and issubclass(kind, SettingsGroup):
                groups[name] = kind.__new__(kind)
                groups[name].load(reading, findings)
        if all(finding.is_warning for finding in findings):
            self.fill(groups)

    def texts(self) -> dict[str, str]:
        """The text of each variable that was set, in every group."""
        return {key: text for group in self.groups().values() for key, text in group.texts().items()}

    def groups(self) -> dict[str, SettingsGroup]:
        """Every group, by the name of its field."""
        return {name: getattr(self, name) for name in type(self).model_fields}

    def _changes(self, update: Mapping[str, Any]) -> dict[str, str]:
        """The texts of the groups that replace others; what they leave unset is unset."""
        changes: dict[str, str] = {}
        groups = self.groups()
        for name, group in update.items():
            if name not in groups or type(group) is not type(groups[name]):
                raise TypeError(f"Settings has no group {name} of that kind")
            changes |= dict.fromkeys(groups[name].texts(), "") | group.texts()
        return changes

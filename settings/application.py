"""Every setting of the application, in groups.

To add a group:

1. write `settings/<group>.py` with a `SettingsGroup` (see `settings/database.py`): each field has the exact
   name of its variable as `alias`, a sound default and a `description` (one sentence: what it is, in which
   unit, who sets it). Types and bounds are pydantic's (`Field(ge=1)`, an enum, `SecretStr` for whatever is
   secret). A field that holds the URL of a database is `Annotated[SecretStr | None, DatabaseUrls()]`, or
   `Annotated[tuple[SecretStr, ...], DatabaseUrls(many=True)]`, and gets the rules for URLs; one that only the
   platform may set is `Annotated[..., FromPlatform()]`.
2. add one line to `Settings` below.

Its variables are then known to everything: the one error that lists all problems, near misses,
`dance config`, `.env.example`, `docs/settings.md`, the JSON schema.
"""

from pydantic import Field
from pydantic_settings import BaseSettings

from settings.database import DatabaseSettings
from settings.findings import Finding
from settings.group import ReadValues, SettingsGroup
from settings.reading import Reading


class Settings(SettingsGroup):
    """All groups, read together: `Settings()` for this process, `Settings.from_environ(...)` for any other."""

    database: DatabaseSettings = Field(default_factory=DatabaseSettings)

    def load(self, reading: Reading, findings: list[Finding]) -> None:
        """Load every group, so that all problems are in one error."""
        if reading.file is not None:
            findings.extend(reading.file.findings)
        groups: dict[str, SettingsGroup] = {}
        for name, field in type(self).model_fields.items():
            kind = field.annotation
            if isinstance(kind, type) and issubclass(kind, SettingsGroup):
                groups[name] = kind.__new__(kind)
                groups[name].load(reading, findings)
        if all(finding.is_warning for finding in findings):
            BaseSettings.__init__(self, _build_sources=((ReadValues(type(self), groups),), {}))

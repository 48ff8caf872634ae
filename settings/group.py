"""The base of every group of settings: one reading, every problem in one round, nothing that leaks."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from settings import envfile
from settings.findings import ConfigurationError, Finding, Rule
from settings.reading import Reading
from settings.rules import check_url, read_platform


@dataclass(frozen=True, slots=True)
class DatabaseUrls:
    """Marks a field (`Annotated[SecretStr | None, DatabaseUrls()]`) whose text must pass the rules for URLs.

    The field gets the normalised URL, ready for SQLAlchemy.

    Attributes:
        many: The variable holds several URLs, separated by blanks; the field is a tuple.
    """

    many: bool = False


@dataclass(frozen=True, slots=True)
class FromPlatform:
    """Marks a field that only the real environment may give, never a `.env` file (DR004)."""


class SettingsGroup(BaseSettings):
    """A frozen group of settings; each field's alias is the exact name of its variable."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="ignore",
        case_sensitive=True,
        hide_input_in_errors=True,
        validate_default=False,
    )

    def __init__(self) -> None:
        """Read the process's environment and its `.env` file.

        Raises:
            ConfigurationError: The configuration cannot be used; it lists every problem.
        """
        if hasattr(self, "__pydantic_fields_set__"):
            raise TypeError("settings are frozen: make new ones instead of reading these again")
        findings: list[Finding] = []
        self.load(process_reading(), findings)
        _refuse(findings)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], env_file: str | Path | None = None) -> Self:
        """Read a mapping, and a `.env` file when one is named; nothing else.

        Args:
            environ: Stands for the real environment.
            env_file: A `.env` file, which must exist.

        Raises:
            ConfigurationError: The configuration cannot be used; it lists every problem.
        """
        settings = cls.__new__(cls)
        file = None if env_file is None else envfile.read(Path(env_file))
        findings: list[Finding] = []
        settings.load(Reading(environ, file), findings)
        del environ, file  # a traceback printed with locals must not show them
        _refuse(findings)
        return settings

    def load(self, reading: Reading, findings: list[Finding]) -> None:
        """Take this group's values from a reading; for the loaders of groups, not for their users.

        Args:
            reading: What the sources say.
            findings: Takes every problem; with an error among them the group stays empty.
        """
        values = self._values(reading, findings)
        wrong: list[tuple[str, str]] = []
        try:
            BaseSettings.__init__(self, _build_sources=((ReadValues(type(self), values),), {}))
        except ValidationError as error:
            wrong = [
                (str(item["loc"][0]), item["msg"])
                for item in error.errors(include_input=False, include_context=False, include_url=False)
            ]
        findings.extend(
            Finding(
                rule=Rule.VALUE,
                variable=variable,
                problem=f"cannot be used: {message[:1].lower()}{message[1:]}",
                remedy=f"unset {variable}",
                source=reading.source(variable),
            )
            for variable, message in wrong
        )

    @classmethod
    def _values(cls, reading: Reading, findings: list[Finding]) -> dict[str, Any]:
        """The text of each variable that is set; URLs checked and normalised."""
        values: dict[str, Any] = {}
        for field in cls.model_fields.values():
            variable = field.alias
            text = None if variable is None else reading.text(variable)
            if variable is None or text is None:
                continue
            mark = next((item for item in field.metadata if isinstance(item, DatabaseUrls)), None)
            if mark is None:
                values[variable] = text
                continue
            on_render = read_platform(reading, [])
            urls = [
                url.text(tls=on_render is False and url.is_remote)
                for part in (text.split() if mark.many else [text])
                if (url := check_url(reading, variable, part, on_render=on_render, findings=findings))
            ]
            if urls:
                values[variable] = tuple(urls) if mark.many else urls[0]
        return values


class ReadValues(PydanticBaseSettingsSource):
    """The source of a group: values that were read already."""

    def __init__(self, settings_cls: type[BaseSettings], values: Mapping[str, Any]) -> None:
        super().__init__(settings_cls)
        self._values = values

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """One field's value and the key that it goes by."""
        key = field.alias or field_name
        return self._values.get(key), key, False

    def __call__(self) -> dict[str, Any]:
        """All values, by variable."""
        return dict(self._values)


def process_reading() -> Reading:
    """What this process's environment and `.env` file say: the only place that reads either."""
    return Reading(os.environ, envfile.find(Path.cwd()))


def _refuse(findings: list[Finding]) -> None:
    errors = tuple(finding for finding in findings if not finding.is_warning)
    if errors:
        raise ConfigurationError(errors, tuple(finding for finding in findings if finding.is_warning))

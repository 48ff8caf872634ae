"""The base of every group of settings: one reading, every problem in one round, nothing that leaks."""

import logging
import os
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Final, NoReturn, Self, cast

from pydantic import BaseModel, PrivateAttr, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from settings import envfile
from settings.destinations import check_url
from settings.findings import ConfigurationError, Finding, Rule
from settings.marks import Slot, slot_of
from settings.notices import notices
from settings.reading import EnvFile, Reading
from settings.rules import read_platform

_log = logging.getLogger(__name__)
_BETWEEN_URLS: Final = re.compile(r"\s*,\s*(?=[a-z0-9+]+://)|\s+")
_CREDENTIALS: Final = re.compile(r"://[^/]*@")  # a URL with a user, and so perhaps a password
_BETWEEN_WORDS: Final = re.compile(r"[\s,]+")


class SecretUrl(SecretStr):
    """A database's URL: masked like any `SecretStr`, and not to be pickled either."""

    def __eq__(self, other: object) -> bool:
        """Whether another secret text is the same."""
        return isinstance(other, SecretStr) and self.get_secret_value() == other.get_secret_value()

    def __hash__(self) -> int:
        """That of any secret text, since it may equal one."""
        return super().__hash__()

    def __reduce__(self) -> NoReturn:
        """Refuse, because a pickle holds the password."""
        raise TypeError("a database's URL holds a password and is not pickled: read the settings anew")

    def __copy__(self) -> Self:
        """Itself: it never changes."""
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Itself: it never changes."""
        return self


class SettingsGroup(BaseSettings):
    """A frozen group of settings; each field's alias is the exact name of its variable."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="ignore",
        case_sensitive=True,
        hide_input_in_errors=True,
    )

    known: ClassVar[dict[str, Slot]] = {}  # the variables of every group that was ever defined
    slots: ClassVar[tuple[Slot, ...]] = ()  # this group's own

    _warnings: tuple[Finding, ...] = PrivateAttr(default=())

    def __init__(self) -> None:
        """Read the process's environment and its `.env` file.

        Raises:
            ConfigurationError: The configuration cannot be used; it lists every problem.
            TypeError: These settings were read already, and are frozen.
        """
        if hasattr(self, "__pydantic_fields_set__"):
            raise TypeError("settings are frozen: make new ones instead of reading these again")
        self._accept(self.examine(process_reading()))
        for warning in self._warnings:
            _tell(warning)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], env_file: str | Path | None = None) -> Self:
        """Read a mapping, and a `.env` file when one is named; nothing else.

        Args:
            environ: Stands for the real environment.
            env_file: A `.env` file, which must exist.

        Returns:
            The settings; their warnings are not logged.

        Raises:
            ConfigurationError: The configuration cannot be used; it lists every problem.
        """
        settings = cls.__new__(cls)
        findings = settings.examine(
            _reading(environ, None if env_file is None else envfile.read(Path(env_file))),
        )
        del environ  # a traceback printed with locals must not show it
        settings._accept(findings)  # noqa: SLF001  (an instance of this class)
        return settings

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What may be meant, but may be a mistake too."""
        return self._warnings

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy; with changes, read and checked like any other settings.

        Args:
            update: New values by field or variable; None unsets.
            deep: Whether to copy values too.

        Raises:
            ConfigurationError: The changed settings cannot be used.
        """
        if not update:
            return super().model_copy(deep=deep)
        copied = type(self).__new__(type(self))
        findings = copied.examine(_reading(self.texts() | self._changes(update), None))
        del update  # a traceback printed with locals must not show it
        copied._accept(findings)  # noqa: SLF001  (an instance of this class)
        return copied

    def texts(self) -> dict[str, str]:
        """The text of each variable that was set, passwords included: for making settings from settings."""
        return {
            slot.variable: _text(getattr(self, slot.field))
            for slot in self.slots
            if slot.field in self.model_fields_set
        }

    def examine(self, reading: Reading) -> list[Finding]:
        """Take every value and tell every finding; nothing is raised, so that nothing is in a traceback."""
        findings: list[Finding] = []
        self.load(reading, findings)
        findings.extend(notices(reading, frozenset(self.known)))
        return findings

    def load(self, reading: Reading, findings: list[Finding]) -> None:
        """Take this group's values from a reading; for the loaders of groups, not for their users.

        Args:
            reading: What the sources say.
            findings: Takes every problem; with an error in this group it stays empty.
        """
        values = self._values(reading, findings)
        wrong: list[tuple[str, str]] = []
        try:
            self.fill(values)
        except ValidationError as error:
            wrong = [
                (str(item["loc"][0]) if item["loc"] else type(self).__name__, item["msg"])
                for item in error.errors(include_input=False, include_context=False, include_url=False)
            ]
        for variable, message in wrong:
            problem = message.removeprefix("Value error, ").replace("Input should", "it should", 1)
            findings.append(
                Finding(
                    rule=Rule.VALUE,
                    variable=variable,
                    problem=f"cannot be used: {problem}",
                    remedy=f"unset {variable}",
                    source=reading.source(variable),
                ),
            )

    def fill(self, values: Mapping[str, Any]) -> None:
        """Validate values and take them.

        Args:
            values: By variable.

        Raises:
            ValidationError: One of them is not what its field wants; it holds the values, and must not be let out.
        """
        # Not BaseSettings' own, which reads its sources again and, when PYDANTIC_SETTINGS_DEBUG is set, logs them.
        BaseModel.__init__(self, **values)

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        """Note what the annotations say, once."""
        cls.slots = tuple(slot_of(name, field) for name, field in cls.model_fields.items() if field.alias)
        SettingsGroup.known.update((one.variable, one) for one in cls.slots)

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        """Nothing before the settings are read: an error's traceback with locals shows them so."""
        return super().__repr_args__() if hasattr(self, "__pydantic_fields_set__") else ()

    def __getstate__(self) -> NoReturn:
        """Refuse to be pickled, because a pickle holds the passwords."""
        raise TypeError("settings hold passwords and are not pickled: make them anew in each process")

    def _accept(self, findings: list[Finding]) -> None:
        errors = tuple(finding for finding in findings if not finding.is_warning)
        warnings = tuple(finding for finding in findings if finding.is_warning)
        if errors:
            raise ConfigurationError(errors, warnings)
        self._warnings = warnings

    def _changes(self, update: Mapping[str, Any]) -> dict[str, str]:
        variables = {slot.field: slot.variable for slot in self.slots}
        changes: dict[str, str] = {}
        for key, value in update.items():
            variable = variables.get(key, key)
            if variable not in variables.values():
                raise TypeError(f"{type(self).__name__} has no setting {key}")
            changes[variable] = _text(value)
        return changes

    @classmethod
    def _values(cls, reading: Reading, findings: list[Finding]) -> dict[str, Any]:
        """The text of each variable that is set; URLs checked and normalised, lists split."""
        values: dict[str, Any] = {}
        for slot in cls.slots:
            text = reading.text(slot.variable)
            if text is None:
                continue
            if slot.urls is not None:
                parts = split_urls(text) if slot.urls.many else [text]
                urls = _normalised(reading, slot.variable, parts, findings)
                if urls:
                    values[slot.variable] = urls if slot.urls.many else urls[0]
            elif slot.is_list:
                values[slot.variable] = tuple(filter(None, _BETWEEN_WORDS.split(text)))
            elif _CREDENTIALS.search(text) and not slot.is_secret:
                findings.append(_misplaced(slot.variable, reading))
            else:
                values[slot.variable] = text
        return values


def process_reading() -> Reading:
    """What this process's environment and `.env` file say."""
    return _reading(dict(os.environ), envfile.find(process_directory()))


def process_directory() -> Path | None:
    """The working directory; None when it was removed."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return None


def _reading(environ: Mapping[str, str], file: EnvFile | None) -> Reading:
    platform = frozenset(one.variable for one in SettingsGroup.known.values() if one.from_platform)
    return Reading(environ, file, platform=platform)


@lru_cache
def _tell(warning: Finding) -> None:
    """Log a warning, once for each process."""
    _log.warning("%s", warning.line)


def split_urls(text: str) -> list[str]:
    """Several URLs, separated by blanks or by commas before the next scheme (a plain comma is between hosts)."""
    return _BETWEEN_URLS.split(text.strip())


def _misplaced(variable: str, reading: Reading) -> Finding:
    """A URL with a password where its text would be shown."""
    return Finding(
        rule=Rule.VALUE,
        variable=variable,
        problem="holds a URL with a user or password, and is not a secret setting",
        remedy=f"unset {variable}",
        source=reading.source(variable),
    )


def _normalised(
    reading: Reading, variable: str, parts: Iterable[str], findings: list[Finding]
) -> tuple[str, ...]:
    on_render = read_platform(reading, [])
    urls = [check_url(reading, variable, part, on_render=on_render, findings=findings) for part in parts]
    return tuple(url.text(tls=not on_render and url.is_remote) for url in urls if url is not None)


def _text(value: object) -> str:
    """What one would type into the environment to get a value."""
    if value is None:
        return ""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return " ".join(map(_text, cast("tuple[object, ...]", value)))
    return str(value)

"""The base of every group of settings: one reading, every problem in one round, nothing that leaks."""

import copy
import logging
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, NoReturn, Self

from pydantic import BaseModel, PrivateAttr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from settings import envfile
from settings.findings import ConfigurationError, Finding, Rule
from settings.marks import Slot, slot_of
from settings.notices import notices
from settings.reading import Reading, Sources
from settings.values import text_of, values

_log = logging.getLogger(__name__)


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
    _last: ClassVar["dict[type[SettingsGroup], _Made]"] = {}

    _warnings: tuple[Finding, ...] = PrivateAttr(default=())

    def __init__(self) -> None:
        """Read the process's environment and its `.env` file.

        Raises:
            ConfigurationError: The configuration cannot be used; it lists every problem.
            TypeError: These settings were read already, and are frozen.
        """
        if vars(self):
            raise TypeError("settings are frozen: make new ones instead of reading these again")
        self._accept(self._read())
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
            cls.reading(
                Sources(environ, None if env_file is None else envfile.read(str(Path(env_file).absolute())))
            ),
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
        findings = copied.examine(self.reading(Sources(self.texts() | self._changes(update))))
        del update  # a traceback printed with locals must not show it
        copied._accept(findings)  # noqa: SLF001  (an instance of this class)
        return copied

    if not TYPE_CHECKING:  # as pydantic does, so that type checkers go on to know the fields as frozen
        copy = model_copy  # pydantic's own, of long ago, checks nothing

        @classmethod
        def model_construct(cls, *_: object, **__: object) -> NoReturn:
            """Refuse, because nothing would be checked."""
            raise TypeError("settings are read from an environment: see from_environ")

        def __setattr__(self, name: str, value: object) -> None:
            """Refuse in words without the value, which pydantic would show."""
            if not name.startswith("_"):
                raise TypeError(f"settings are frozen: {name} is changed by model_copy(update=...)")
            super().__setattr__(name, value)

    def texts(self) -> dict[str, str]:
        """The text of each variable that was set, passwords included: for making settings from settings."""
        return {
            slot.variable: text_of(getattr(self, slot.field))
            for slot in self.slots
            if slot.field in self.model_fields_set
        }

    @classmethod
    def reading(cls, sources: Sources) -> Reading:
        """Sources, to be asked for variables; those of the platform count in the real environment only."""
        return Reading(sources, frozenset(slot.variable for slot in cls.known.values() if slot.from_platform))

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
        taken = values(self.slots, reading, findings)
        wrong: list[tuple[str, str]] = []
        try:
            self.fill(taken)
        except ValidationError as error:
            wrong = [
                (str(item["loc"][0]) if item["loc"] else type(self).__name__, item["msg"])
                for item in error.errors()
            ]
        for variable, message in wrong:
            problem = message.removeprefix("Value error, ").replace("Input should", "it should")
            findings.append(
                Finding(
                    rule=Rule.VALUE,
                    variable=variable,
                    problem=f"cannot be used: {problem}",
                    remedy=self._remedy(variable, reading),
                    source=reading.source(variable),
                ),
            )

    def _remedy(self, variable: str, reading: Reading) -> str:
        """The line that mends a value: the default, where there is one to be shown."""
        for slot in self.slots:
            if slot.variable == variable:
                default = text_of(type(self).model_fields[slot.field].default)
                return f"{variable}={default}" if default else reading.without(variable)
        return "dance config"  # a contradiction between fields: their values tell

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
        SettingsGroup._last.clear()  # what is known decides about near misses

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        """Nothing before the settings are read: an error's traceback with locals shows them so."""
        return super().__repr_args__() if hasattr(self, "__pydantic_fields_set__") else ()

    def __getstate__(self) -> NoReturn:
        """Refuse to be pickled, because a pickle holds the passwords."""
        raise TypeError("settings hold passwords and are not pickled: make them anew in each process")

    def _read(self) -> list[Finding]:
        """Take the values of this process's sources, and tell every finding.

        The same sources give the same settings, so that those of last time are taken over: they are frozen, and
        depend on nothing else. What the sources say is read again, whole, and compared whole.
        """
        sources = envfile.process_sources()
        last = self._last.get(type(self))
        if last is None or last.sources != sources:
            findings = self.examine(self.reading(sources))
            if any(not finding.is_warning for finding in findings):
                return findings
            last = self._last[type(self)] = _Made(sources, BaseModel.__getstate__(self), findings)
        self.__setstate__({name: copy.copy(part) for name, part in last.state.items()})
        return last.findings

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
            changes[variable] = text_of(value)
        return changes


class _Made(NamedTuple):
    """What was made of the sources last time."""

    sources: Sources
    state: dict[str, Any]
    findings: list[Finding]


@lru_cache
def _tell(warning: Finding) -> None:
    """Log a warning, once for each process."""
    _log.warning("%s", warning.line)

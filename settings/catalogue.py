"""Every variable with what its field says about it, for the reference and for `dance config`."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, cast

from pydantic import SecretStr

from settings.application import Settings
from settings.group import SettingsGroup
from settings.marks import DatabaseUrls, OnRender


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable.

    Attributes:
        name: Its exact name.
        group: The name of its group's field in `Settings`.
        description: What it is.
        kind: What may be written there, for people.
        default: What holds when it is unset, as one would write it; None when nothing does.
        is_secret: Whether its value must never be shown.
        is_url: Whether it holds one database's URL, or several.
        is_platform: Whether only the real environment may give it.
        on_render: What render.yaml sets it to.
        schema: Its JSON schema.
    """

    name: str
    group: str
    description: str
    kind: str
    default: str | None
    is_secret: bool
    is_url: bool
    is_platform: bool
    on_render: OnRender
    schema: dict[str, Any]


def headings() -> dict[str, str]:
    """Each group's heading: its docstring's first sentence without the full stop."""
    return {name: (kind.__doc__ or name).split("\n")[0].rstrip(".") for name, kind in _groups()}


def variables() -> Iterator[Variable]:
    """Every variable of every group, in order."""
    for group, kind in _groups():
        schema = kind.model_json_schema(by_alias=True)
        definitions = schema.get("$defs", {})
        for slot in kind.slots:
            field = kind.model_fields[slot.field]
            described = _inlined(schema["properties"][slot.variable], definitions)
            yield Variable(
                name=slot.variable,
                group=group,
                description=field.description or "",
                kind=_kind(described, slot.urls),
                default=_text(field.default),
                is_secret="writeOnly" in json.dumps(described, default=str),
                is_url=slot.urls is not None,
                is_platform=slot.from_platform,
                on_render=slot.on_render,
                schema=described,
            )


def _groups() -> Iterator[tuple[str, type[SettingsGroup]]]:
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, SettingsGroup):
            yield name, field.annotation


def _inlined(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """A property's schema without references, alternatives with null, and pydantic's titles."""
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]] | schema
    parts = [part for part in schema.get("anyOf", ()) if part.get("type") != "null"]
    if len(parts) == 1:
        schema = _inlined(parts[0], definitions) | schema
    dropped = {"$ref", "anyOf", "title"}
    return {key: value for key, value in schema.items() if key not in dropped}


def _kind(schema: dict[str, Any], urls: DatabaseUrls | None) -> str:
    if urls is not None:
        return "database URLs" if urls.many else "database URL"
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    if schema.get("writeOnly"):
        return "secret text"
    words = {"boolean": "true or false", "integer": "whole number", "number": "number", "array": "list"}
    text = words.get(str(schema.get("type")), "text")
    bounds = {
        "minimum": "at least",
        "exclusiveMinimum": "more than",
        "maximum": "at most",
        "exclusiveMaximum": "less than",
    }
    said = [f"{word} {schema[key]:g}" for key, word in bounds.items() if key in schema]
    return ", ".join([text, *said])


def _text(default: object) -> str | None:
    """A default as one would write it; None for none, or for one that depends on other settings."""
    if default is None or repr(default) == "PydanticUndefined" or isinstance(default, SecretStr):
        return None
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, Enum):
        return str(default.value)
    if isinstance(default, tuple):
        return ",".join(map(str, cast("tuple[object, ...]", default))) or None
    return str(default)

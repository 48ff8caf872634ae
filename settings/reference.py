"""What is generated from the model: `python -m settings.reference --check` (CI) or `--write`.

`.env.example` and `docs/settings.schema.json` are generated whole; in `docs/settings.md` and `render.yaml` only
what stands between the marks `settings: <name>` and `end of settings` is.
"""

import argparse
import difflib
import json
import re
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Final

from settings.catalogue import Variable, headings, variables
from settings.marks import FromDatabase, Kept
from settings.urls import SHAPE

COMMAND: Final = "python -m settings.reference --write"
_REGION: Final = re.compile(
    r"(?P<head>^(?P<indent>[ \t]*)(?:#|<!--) settings: (?P<name>\w+)[^\n]*\n)"
    r"(?P<body>.*?)"
    r"(?P<tail>^[ \t]*(?:#|<!--) end of settings)",
    re.DOTALL | re.MULTILINE,
)


def env_example() -> str:
    """A `.env` file in which everything is explained and nothing is set."""
    parts = [
        "# Copy this to .env (and chmod 600 .env), then set what you need; `dance config` tells what counts.",
        f"# The file is generated: {COMMAND}",
    ]
    for group, heading in headings().items():
        parts += ["", f"# --- {heading}"]
        for variable in variables():
            if variable.group == group and not variable.is_platform:
                parts += ["", f"# {variable.description}", f"# ({variable.kind}{_standard(variable)})"]
                parts.append(f"#{variable.name}={_example(variable)}")
    return "\n".join(parts) + "\n"


def table() -> str:
    """The reference of every variable, in Markdown."""
    parts: list[str] = []
    for group, heading in headings().items():
        parts += [
            "",
            f"### {heading}",
            "",
            "| Variable | Takes | Default | What it is |",
            "|---|---|---|---|",
        ]
        for variable in variables():
            if variable.group == group:
                default = "" if variable.default is None else f"`{variable.default}`"
                parts.append(f"| `{variable.name}` | {variable.kind} | {default} | {variable.description} |")
    return "\n".join(parts) + "\n\n"


def schema() -> str:
    """A JSON schema (2020-12) of the environment: an object with a property for each variable."""
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The variables that configure dance",
        "type": "object",
        "properties": {variable.name: variable.schema for variable in variables()},
    }
    return json.dumps(document, indent=2, default=str) + "\n"


def environment(service: str) -> str:
    """The `envVars` of a service of render.yaml.

    Args:
        service: `web` or `cron`.
    """
    lines: list[str] = []
    for variable in variables():
        value = getattr(variable.on_render, service)
        if value is None:
            continue
        lines.append(f"- key: {variable.name}")
        if isinstance(value, FromDatabase):
            lines += ["  fromDatabase:", f"    name: {value.name}", "    property: connectionString"]
        elif value is Kept.DASHBOARD:
            lines.append("  sync: false")
        else:
            lines.append(f"  value: {json.dumps(value)}")
    return "".join(f"{line}\n" for line in lines)


WHOLE: Final[dict[str, Callable[[], str]]] = {
    ".env.example": env_example,
    "docs/settings.schema.json": schema,
}
REGIONS: Final[dict[str, dict[str, Callable[[], str]]]] = {
    "docs/settings.md": {"reference": table},
    "render.yaml": {"web": partial(environment, "web"), "cron": partial(environment, "cron")},
}


def generated(root: Path) -> Iterable[tuple[Path, str, str]]:
    """Each file with its text as it is (empty when it is not there) and as the model wants it.

    Raises:
        ValueError: A mark in a file names nothing that can be generated.
    """
    for name, make in WHOLE.items():
        path = root / name
        yield path, path.read_text() if path.exists() else "", make()
    for name, regions in REGIONS.items():
        path = root / name
        if path.exists():
            text = path.read_text()
            yield path, text, _REGION.sub(partial(_filled, regions=regions), text)


def main(arguments: list[str] | None = None) -> int:
    """Compare the generated files with the model (`--check`), or write them (`--write`).

    Returns:
        0 when nothing differs or everything was written, 1 when something differs.
    """
    parser = argparse.ArgumentParser(prog="python -m settings.reference", description=__doc__)
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--check", action="store_true", help="show what differs; exit 1 when anything does")
    mode.add_argument("--write", action="store_true", help="write what differs")
    write = parser.parse_args(arguments).write
    differing = [(path, old, new) for path, old, new in generated(Path.cwd()) if old != new]
    for path, old, new in differing:
        if write:
            path.write_text(new)
            print(f"wrote {path.name}")  # noqa: T201  (a command's output)
        else:
            difference = difflib.unified_diff(
                old.splitlines(keepends=True),
                new.splitlines(keepends=True),
                f"{path.name} (as it is)",
                path.name,
            )
            sys.stdout.writelines(difference)
    if differing and not write:
        print(f"These differ from the model. Run: {COMMAND}", file=sys.stderr)  # noqa: T201  (a command's output)
    return int(bool(differing) and not write)


def _filled(match: re.Match[str], *, regions: dict[str, Callable[[], str]]) -> str:
    make = regions.get(match["name"])
    if make is None:
        raise ValueError(f"nothing is generated for the mark settings: {match['name']}")
    lines = (
        f"{match['indent']}{line}" if line.strip() else line for line in make().splitlines(keepends=True)
    )
    return match["head"] + "".join(lines) + match["tail"]


def _standard(variable: Variable) -> str:
    return "" if variable.default is None else f"; {variable.default} when unset"


def _example(variable: Variable) -> str:
    if variable.is_url:
        return SHAPE
    return variable.default or str(next(iter(variable.schema.get("enum", ())), ""))


if __name__ == "__main__":
    sys.exit(main())

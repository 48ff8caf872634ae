"""`dance config`: which database this would talk to, and why. Connects to nothing, works on a broken configuration."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from settings import ConfigurationError
from settings.explain import Report, matrix, report


def command(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
    truth_table: Annotated[bool, typer.Option("--matrix", help="The whole truth table instead.")] = False,
) -> None:
    """Tell every variable, where it comes from, what it is used for, and what was decided; 78 when broken."""
    if truth_table:
        rows = list(matrix())
        typer.echo(json.dumps(rows, indent=2) if as_json else "\n".join(columns(rows)))
        return
    explained = report()
    typer.echo(json.dumps(document(explained), indent=2) if as_json else "\n".join(lines(explained)))
    if explained.findings:
        raise typer.Exit(ConfigurationError.exit_status)


def document(explained: Report) -> dict[str, object]:
    """The report for machines; a finding's source is a line of text as in the report for people."""
    return asdict(explained) | {
        name: [finding._asdict() | {"source": finding.source and str(finding.source)} for finding in findings]
        for name, findings in (("findings", explained.findings), ("warnings", explained.warnings))
    }


def lines(explained: Report) -> Iterable[str]:
    """The report for people."""
    yield explained.decision
    yield ""
    for path, fate in explained.files.items():
        yield f"{path}: {fate}"
    yield ""
    yield from columns(
        [
            {
                "variable": variable.name,
                "state": variable.state,
                "value": variable.shown,
                "from": _place(variable.source, variable.shadows),
                "used for": variable.used_for,
            }
            for variable in explained.variables
        ],
    )
    for title, findings in (("problem", explained.findings), ("warning", explained.warnings)):
        for finding in findings:
            yield ""
            yield f"{title}: {finding}"


def columns(rows: Sequence[Mapping[str, str]]) -> Iterable[str]:
    """Rows under their headings, each column as wide as it needs to be."""
    titles = list(rows[0])
    widths = [max(len(title), *(len(row[title]) for row in rows)) for title in titles]
    for row in ({title: title.upper() for title in titles}, *rows):
        yield "  ".join(row[title].ljust(width) for title, width in zip(titles, widths, strict=True)).rstrip()


def _place(source: str | None, shadows: str | None) -> str:
    if shadows is None:
        return source or ""
    return f"{source or 'nowhere'} (hides {shadows})"

"""Where findings come from, and how to make them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from app.pipeline.event import Reject, Sighting
from app.pipeline.sources.failures import SourceError


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A place of a source that is being read."""

    source: str
    kind: str
    place: str
    time_zone: str | None = None
    """For times whose zone is not said."""

    def sighting(
        self, *, reference: str, name: str, start_date: date, raw: str, line: int | None = None, **fields: Any
    ) -> Sighting | Reject:
        """A sighting of this place, or a reject with the reason why it cannot be one.

        Args:
            reference: see `Sighting.reference`; so are the others and `fields`.
            name: the title.
            start_date: the first day.
            raw: what was read, for the reject.
            line: where.
            fields: other fields of `Sighting`.
        """
        fields["time_zone"] = fields.get("time_zone") or self.time_zone
        try:
            return Sighting(
                source=self.source,
                kind=self.kind,
                place=self.place,
                reference=reference,
                name=name,
                start_date=start_date,
                line=line,
                **fields,
            )
        except ValueError as error:
            return self.reject(str(error), raw, line)

    def reject(self, reason: str, raw: str, line: int | None = None) -> Reject:
        """A reject of this place."""
        return Reject(source=self.source, kind=self.kind, place=self.place, reason=reason, raw=raw, line=line)

    def failure(self, reason: str) -> SourceError:
        """The error that the whole place is not what it claims to be."""
        return SourceError(self.source, f"{self.place} {reason}")

    def distinct(self, findings: Iterable[Sighting | Reject]) -> Iterator[Sighting | Reject]:
        """The findings, where a reference that comes again is a reject."""
        seen: dict[str, int | None] = {}
        for finding in findings:
            if isinstance(finding, Sighting):
                if finding.reference in seen:
                    first = seen[finding.reference]
                    where = f" (line {first})" if first else ""
                    yield self.reject(
                        f"the same event as before{where}: {finding.reference}",
                        f"{finding.name} {finding.start_date}",
                        finding.line,
                    )
                    continue
                seen[finding.reference] = finding.line
            yield finding

"""Recurrence rules that no dance has, and that would take an expansion hours."""

from calendar import monthrange
from datetime import date, datetime, timedelta
from math import prod
from typing import Any, Final

import icalendar

_TOO_OFTEN: Final = frozenset({"SECONDLY", "MINUTELY", "HOURLY"})
_FIRST_YEAR: Final = 1970
_MOST_TIMES_A_DAY: Final = 24
_MOST_WEEKS: Final = 5
_MONTHS: Final = 12
_WITH_POSITIONS: Final = frozenset({"MONTHLY", "YEARLY"})
_STRANGE: Final = ("BYYEARDAY", "BYWEEKNO")
_LONGEST: Final = timedelta(days=366)


def check_recurrence(event: icalendar.Component) -> None:
    """Refuse a rule before it is expanded.

    Raises:
        ValueError: it repeats within a day, began before 1970, never comes true, or each time lasts or is moved by
            more than a year.
    """
    start = moment_of(event, "DTSTART")
    rules: Any = event.get("RRULE", [])
    for rule in rules if isinstance(rules, list) else [rules]:
        _check_rule(rule)
        if start.year < _FIRST_YEAR:
            raise ValueError(f"repeats since {start.year}")
    moved = "RANGE" in getattr(event.get("RECURRENCE-ID"), "params", ())  # with all that come after
    if rules or moved:
        _check_reach(event, moved=moved)


def _check_reach(event: icalendar.Component, *, moved: bool) -> None:
    """Refuse what takes an expansion far beyond its window, or back to an end long before the beginning."""
    day = _day(event, "DTSTART")
    length: Any = getattr(event.get("DURATION"), "dt", None)
    if "DTEND" in event:
        length = _day(event, "DTEND") - day
    if isinstance(length, timedelta) and abs(length) > _LONGEST:
        raise ValueError(f"repeats and ends {length.days} days after it begins")
    if moved and abs(day - _day(event, "RECURRENCE-ID")) > _LONGEST:
        raise ValueError(
            f"is moved by {(day - _day(event, 'RECURRENCE-ID')).days} days with all that come after"
        )


def _day(event: icalendar.Component, name: str) -> date:
    moment = moment_of(event, name)
    return moment.date() if isinstance(moment, datetime) else moment


def moment_of(event: icalendar.Component, name: str) -> date | datetime:
    """The value of a property that is a day or a time of a day.

    Raises:
        ValueError: the event has no such property, or one that is something else.
    """
    value: Any = event.get(name)
    if value is None:
        raise ValueError(f"no {name}")
    moment = getattr(value, "dt", None)
    if not isinstance(moment, date):
        raise ValueError(f"{name} is not a date")  # noqa: TRY004 - bad data, not a bad argument
    return moment


def _check_rule(rule: Any) -> None:
    frequency = ",".join(map(str, rule.get("FREQ", []))).upper()
    if frequency in _TOO_OFTEN:
        raise ValueError(f"repeats {frequency.lower()}, which no event does")
    if "COUNT" in rule and "UNTIL" in rule:
        raise ValueError("repeats with COUNT and UNTIL, of which RFC 5545 permits one")
    if any(interval < 1 for interval in rule.get("INTERVAL", [])):
        raise ValueError(f"repeats every {rule['INTERVAL'][0]} times, which is no rhythm")
    strange = [part for part in _STRANGE if part in rule]
    if strange:
        raise ValueError(f"repeats by {strange[0]}, which no event does")
    times = prod(max(1, len(rule.get(part, []))) for part in ("BYHOUR", "BYMINUTE", "BYSECOND"))
    if times > _MOST_TIMES_A_DAY:
        raise ValueError(f"repeats {times} times a day, which no event does")
    positions = rule.get("BYSETPOS", [])
    if positions and (frequency not in _WITH_POSITIONS or any(abs(one) > _MOST_WEEKS for one in positions)):
        raise ValueError(f"repeats {frequency.lower()} at position {positions[0]}, which never comes")
    weeks = [abs(day.relative) for day in rule.get("BYDAY", []) if day.relative]
    if weeks and ("BYMONTHDAY" in rule or max(weeks) > _MOST_WEEKS):
        raise ValueError(
            f"repeats in week {max(weeks)} of the month and on a day of it, which hardly ever comes"
        )
    months, days = rule.get("BYMONTH", [1]), rule.get("BYMONTHDAY", [1])
    if not any(1 <= abs(day) <= _days_of(month) for month in months for day in days):
        raise ValueError(f"repeats on day {days[0]} of month {months[0]}, which never comes")


def _days_of(month: int) -> int:
    """The most days that a month can have; 0 for what is no month."""
    return monthrange(2000, month)[1] if 1 <= month <= _MONTHS else 0

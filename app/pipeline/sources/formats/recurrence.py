"""Recurrence rules that no dance has, and that would take an expansion hours."""

from datetime import date, datetime
from math import prod
from typing import Any, Final

import icalendar

_TOO_OFTEN: Final = frozenset({"SECONDLY", "MINUTELY", "HOURLY"})
_FIRST_YEAR: Final = 1970
_MOST_TIMES_A_DAY: Final = 24
_LONGEST_MONTHS: Final = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}


def check_recurrence(event: icalendar.Component) -> None:
    """Refuse a rule before it is expanded.

    Raises:
        ValueError: it repeats within a day, began before 1970, or never comes true.
    """
    start = moment_of(event, "DTSTART")
    rules: Any = event.get("RRULE", [])
    for rule in rules if isinstance(rules, list) else [rules]:
        _check_rule(rule)
        if start.year < _FIRST_YEAR:
            raise ValueError(f"repeats since {start.year}")


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
    times = prod(max(1, len(rule.get(part, []))) for part in ("BYHOUR", "BYMINUTE", "BYSECOND"))
    if times > _MOST_TIMES_A_DAY:
        raise ValueError(f"repeats {times} times a day, which no event does")
    months, days = rule.get("BYMONTH", []), rule.get("BYMONTHDAY", [])
    if (
        months
        and days
        and not any(abs(day) <= _LONGEST_MONTHS.get(month, 31) for month in months for day in days)
    ):
        raise ValueError(f"repeats on day {days[0]} of month {months[0]}, which never comes")

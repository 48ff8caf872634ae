"""Names and values as SQL text; every statement that promotion builds goes through here."""

from collections.abc import Iterable


def identifier(name: str) -> str:
    """A name, quoted."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """A string constant; sessions run with `standard_conforming_strings` on."""
    if "\\" in value:  # written as an escape: readers refuse a backslash before a quote
        value = value.replace("!", "!!").replace("\\", "!005C")
        return "U&'" + value.replace("'", "''") + "' UESCAPE '!'"
    return "'" + value.replace("'", "''") + "'"


def dollar_quoted(body: str) -> str:
    """A string constant without escapes, for the body of DO: its tag is one that the body has not."""
    tag = "$promotion$"
    while tag in body:
        tag = f"{tag[:-1]}_$"
    return tag + body + tag


def text_array(values: Iterable[str]) -> str:
    """A `text[]` constant."""
    inside = ",".join('"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values)
    return literal("{" + inside + "}") + "::text[]"


def bigint_array(values: Iterable[int]) -> str:
    """A `bigint[]` constant."""
    return "'{" + ",".join(map(str, values)) + "}'::bigint[]"

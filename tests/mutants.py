"""`make mutants`: every change that mutmut makes to settings/ is noticed by a test, or listed with the reason why not.

The list is tests/mutants.toml. A survivor that is not on it, and an entry that no survivor needs, end with status 1.
A run that was interrupted goes on where it was. `python -m tests.mutants 'settings.urls.*'` looks at one module.
"""

import resource
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path
from typing import Final, NamedTuple

LIST: Final = Path(__file__).with_suffix(".toml")
NOTICED: Final = frozenset({"killed", "timeout", "segfault", "caught by type check"})
MEMORY: Final = 4 * 2**30  # bytes; a mutant that never stops must not take the machine with it


class Change(NamedTuple):
    """What a mutant changes; its number, which shifts with every edit, does not matter."""

    function: str
    lines: str


def main(patterns: list[str]) -> int:
    """Run the mutants that have no verdict yet, and print what became of all.

    Args:
        patterns: Names of mutants, with asterisks; none for all of them.

    Returns:
        0 when every survivor is listed and every entry of the list is needed.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, hard))
    subprocess.run([sys.executable, "-m", "mutmut", "run", *patterns], check=True)
    verdicts = {
        name: verdict
        for name, _, verdict in (line.strip().partition(": ") for line in _mutmut("results", "--all", "true"))
        if verdict != "not checked" or not patterns
    }
    reasons = {
        Change(entry["function"], entry["lines"].strip()): entry["why"]
        for entry in tomllib.loads(LIST.read_text())["equivalent"]
    }
    needed: set[Change] = set()
    unexplained: list[str] = []
    for name, verdict in verdicts.items():
        if verdict not in NOTICED:
            change = _change(name)
            if change in reasons and verdict == "survived":
                needed.add(change)
            else:
                unexplained.append(f"{name}: {verdict}\n{change.lines}\n")
    useless = [] if patterns else [f"listed, but not needed: {change}" for change in reasons.keys() - needed]
    counts = Counter(verdicts.values())
    print(*unexplained, *useless, sep="\n")  # noqa: T201  (a command's output)
    print(  # noqa: T201  (a command's output)
        f"{len(verdicts)} mutants: {', '.join(f'{count} {verdict}' for verdict, count in counts.most_common())}; "
        f"{len(needed)} changes are listed as equivalent, {len(unexplained)} mutants are unexplained."
    )
    return int(bool(unexplained or useless))


def _change(name: str) -> Change:
    """The lines of a mutant's difference, without its heads."""
    changed = [
        line for line in _mutmut("show", name) if line[:1] in {"-", "+"} and line[:3] not in {"---", "+++"}
    ]
    return Change(name.rpartition("__mutmut_")[0], "\n".join(changed))


def _mutmut(*arguments: str) -> list[str]:
    command = [sys.executable, "-m", "mutmut", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

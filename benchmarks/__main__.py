"""`python -m benchmarks [AREA ...]`: each area's figures as Markdown."""

import sys
from importlib import import_module
from typing import Final

from benchmarks.measure import machine

AREAS: Final = ("settings", "guards", "sources", "pipeline", "duplicates", "promotion", "connections", "web")


def main() -> None:
    """Run the areas that are named, or all of them."""
    print(f"Measured with {machine()}.")
    for area in [word for word in sys.argv[1:] if not word.isdigit()] or AREAS:
        if area not in AREAS:
            sys.exit(f"{area} is none of {', '.join(AREAS)}")
        print(f"\n## {area}\n")
        import_module(f"benchmarks.{area}").main()


main()

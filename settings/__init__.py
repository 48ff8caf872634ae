"""Typed settings: the only reader of the environment."""

import gc

# Importing pydantic makes a hundred thousand objects that live as long as the process. Looking for garbage among
# them, now or at the next collection, takes a quarter of the time that a command needs to start: so it is not done
# (docs/settings.md, "Speed").
_collecting = gc.isenabled()
gc.disable()
try:
    from settings.application import Settings
    from settings.database import DatabaseSettings
    from settings.findings import ConfigurationError, Finding, Rule, Source
    from settings.targets import Access, DatabaseTarget
finally:
    if _collecting:
        gc.freeze()
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

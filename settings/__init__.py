"""Typed settings: the only reader of the environment."""

from settings.application import Settings
from settings.database import DatabaseSettings
from settings.findings import ConfigurationError, Finding, Rule, Source
from settings.targets import Access, DatabaseTarget

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

"""The environment of a child process that is given its own configuration."""

import os
from collections.abc import Mapping
from typing import Final

from settings.application import Settings
from settings.connections import ConnectionSettings

_HOW: Final = {slot.variable for slot in ConnectionSettings.slots if slot.urls is None}
"""How connections are made, not where they lead."""


def child_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with other settings in it.

    Args:
        variables: What the child is configured with. Every other setting is blank, so that neither this
            process's own nor a `.env` file's seeps through (DR005); only pools, timeouts and retries stay
            as they are in the environment.

    Returns:
        The whole environment for the child.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    blank = {name: inherited.get(name, "") if name in _HOW else "" for name in Settings.known}
    return inherited | blank | dict(variables)

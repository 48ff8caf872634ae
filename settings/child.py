"""The environment of a child process that is given its own configuration."""

import os
from collections.abc import Mapping

from settings.application import Settings


def child_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with other settings in it.

    Args:
        variables: What the child is configured with. Every other setting is blank, so that neither this
            process's own nor a `.env` file's seeps through (DR005).

    Returns:
        The whole environment for the child.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return inherited | dict.fromkeys(Settings.known, "") | dict(variables)

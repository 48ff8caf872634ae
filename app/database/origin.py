"""Who does something, from where, with which code: for the ledgers."""

import os
import pwd
import shutil
import socket
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path


@dataclass(frozen=True)
class Origin:
    """What a ledger keeps about whoever wrote.

    Attributes:
        who: the operating system's user.
        host: the machine's name.
        commit: of the code, empty when it does not run from a checkout.
    """

    who: str
    host: str
    commit: str


@lru_cache
def origin() -> Origin:
    """This process's origin."""
    try:
        who = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user without an entry
        who = str(os.getuid())
    return Origin(who, socket.gethostname(), _commit())


def _commit() -> str:
    project = Path(__file__).parents[2]
    git = shutil.which("git")
    if git is None or not (project / ".git").exists():
        return ""
    found = subprocess.run(  # noqa: S603 - git itself, no shell
        [git, "-C", str(project), "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    )
    return found.stdout.strip()

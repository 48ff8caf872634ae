"""A machine far away: a network namespace behind a pair of interfaces, whose packets can be made to vanish."""

import ctypes
import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Final, TypeVar
from uuid import uuid4

import pytest

from tests.cluster import FAR

Result = TypeVar("Result")

_PROGRAM: Final = shutil.which("ip", path="/usr/sbin:/usr/bin:/sbin:/bin")
_NETWORKS: Final = list(FAR.subnets(new_prefix=30))
_CLONE_NEWNET: Final = 0x40000000
_HERE, _THERE, _NOBODY = (f"02:00:00:00:00:{last}" for last in ("0a", "0b", "ff"))


def _ip(*arguments: str) -> None:
    assert _PROGRAM is not None, "apt-get install iproute2"
    subprocess.run([_PROGRAM, *arguments], check=True, capture_output=True, text=True)


def _can_be_made() -> bool:
    if _PROGRAM is None or os.geteuid() != 0:
        return False
    name = f"dance-{uuid4().hex[:8]}"
    made = subprocess.run([_PROGRAM, "netns", "add", name], check=False, capture_output=True)
    subprocess.run([_PROGRAM, "netns", "delete", name], check=False, capture_output=True)
    return made.returncode == 0


needs_namespaces: Final = pytest.mark.skipif(
    not (os.environ.get("CI") == "true" and os.geteuid() == 0) and not _can_be_made(),
    reason="only root may make network namespaces",
)
"""Left out where they cannot be made; never in CI as root, where .ci/run has installed what makes them."""


@dataclass(frozen=True)
class Namespace:
    """A namespace and how to reach it.

    Attributes:
        name: of the namespace.
        address: of the machine in it.
        ours: this machine's address in the network between them.
        device: this machine's interface; the other's is called "far".
    """

    name: str
    address: str
    ours: str
    device: str

    def run(self, action: Callable[[], Result]) -> Result:
        """Do something there: what it starts and listens to stays there."""

        def enter_and_act() -> Result:
            with open(f"/run/netns/{self.name}", "rb") as place:  # noqa: PTH123 - for its descriptor
                if ctypes.CDLL(None, use_errno=True).setns(place.fileno(), _CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
            return action()

        with ThreadPoolExecutor(max_workers=1) as thread:  # a thread has a network of its own
            return thread.submit(enter_and_act).result()

    def swallow(self) -> None:
        """Let every packet vanish on its way, in both directions; nobody is told."""
        self._address_frames(_NOBODY, _NOBODY)

    def deliver(self) -> None:
        """Let packets arrive again."""
        self._address_frames(_THERE, _HERE)

    def _address_frames(self, there: str, here: str) -> None:
        permanent = ("nud", "permanent", "dev")
        _ip("neighbour", "replace", self.address, "lladdr", there, *permanent, self.device)
        _ip("-n", self.name, "neighbour", "replace", self.ours, "lladdr", here, *permanent, "far")


@contextmanager
def namespace() -> Iterator[Namespace]:
    """A namespace with one interface to here, gone afterwards."""
    name = f"dance-{uuid4().hex[:8]}"
    ours, theirs = islice(random.choice(_NETWORKS).hosts(), 2)  # noqa: S311 - nothing secret
    made = Namespace(name, str(theirs), str(ours), name.replace("dance-", "dance"))
    _ip("netns", "add", name)
    try:
        _ip(
            "link", "add", made.device, "address", _HERE, "type", "veth",
            "peer", "name", "far", "address", _THERE, "netns", name,
        )  # fmt: skip
        _ip("address", "add", f"{ours}/30", "dev", made.device)
        _ip("link", "set", made.device, "up")
        _ip("-n", name, "address", "add", f"{theirs}/30", "dev", "far")
        for device in ("lo", "far"):
            _ip("-n", name, "link", "set", device, "up")
        made.deliver()
        yield made
    finally:
        _ip("link", "delete", made.device)
        _ip("netns", "delete", name)

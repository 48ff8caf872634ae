"""Whether git tracks a file, read from git's index itself: to start git would take longer than everything else here.

Sources: gitformat-index(5), gitformat-bitmap(5), gitrepository-layout(5), racy-git(7).
"""

import os
import re
import struct
import time
from functools import lru_cache
from pathlib import Path
from typing import Final

RACY: Final = 2.0  # seconds; a file changed more recently may change again within one tick of its file system
_SHA256: Final = rb"(?im)^\s*objectformat\s*=\s*sha256\b"


def is_tracked(path: str) -> bool:
    """Whether the nearest repository around a file lists it in its index.

    Args:
        path: The file, absolute.

    Returns:
        False also where there is no repository, or none whose index can be read.
    """
    directory = path
    while directory:
        directory = directory.rpartition("/")[0]
        found = _repository(directory)
        if found is not None:
            git, index = found
            name = path.removeprefix(f"{directory}/")
            if time.time() - max(index.st_mtime, index.st_ctime) < RACY:
                return _lists(git, name)
            return _listed(
                git, name, (index.st_dev, index.st_ino, index.st_size, index.st_mtime_ns, index.st_ctime_ns)
            )
    return False


def _repository(directory: str) -> tuple[str, os.stat_result] | None:
    """The repository whose working tree begins at a directory, with its index's state."""
    git = f"{directory}/.git"
    try:
        try:
            return git, os.stat(f"{git}/index")  # noqa: PTH116  (pathlib takes ten times as long)
        except NotADirectoryError:  # the file of a worktree or a submodule: "gitdir: <where>"
            told = Path(git).read_bytes().removeprefix(b"gitdir:").strip()
            git = os.path.join(directory, os.fsdecode(told))  # noqa: PTH118  (as above)
            return git, os.stat(f"{git}/index")  # noqa: PTH116  (as above)
    except (OSError, ValueError):
        return None


@lru_cache(maxsize=8)
def _listed(git: str, name: str, identity: tuple[int, ...]) -> bool:
    """What an index says, asked once while it is the same file."""
    del identity
    return _lists(git, name)


def _lists(git: str, file: str) -> bool:
    """Whether an index lists a file; an index that cannot be read lists nothing."""
    name = os.fsencode(file)
    try:
        index = Path(git, "index").read_bytes()
        # Before version 4 names are written out, so that one that is nowhere needs no look at the entries.
        if name + b"\0" not in index and b"link" not in index and index[4:8] != b"\0\0\0\4":
            return False
        oid = _oid_length(Path(git))
        names, end = _names(index, oid)
        if name in names:
            return True
        link = _link(index, oid, end)
        if link is None:
            return False
        base, deleted = link
        names, _ = _names(Path(git, f"sharedindex.{base}").read_bytes(), oid)
        return name in names and not is_set(deleted, names.index(name))
    except (OSError, ValueError, IndexError, struct.error):
        return False


def _oid_length(git: Path) -> int:
    """Bytes of an object's name in this repository: 20 (SHA-1) or 32 (SHA-256)."""
    common = git / "commondir"  # a worktree shares its repository's configuration
    if common.exists():
        git = git / os.fsdecode(common.read_bytes().strip())
    return 32 if re.search(_SHA256, (git / "config").read_bytes()) else 20


def _names(index: bytes, oid: int) -> tuple[list[bytes], int]:
    """Every name in an index, in order, and where its extensions begin."""
    version, count = struct.unpack_from(">II", index, 4)
    names: list[bytes] = []
    name = b""
    at = 12
    for _ in range(count):
        begin = at
        at += 40 + oid  # past the file's state and the object's name
        at += 4 if index[at] & 0x40 else 2  # past the flags: one bit of them tells of 16 more
        if version == 4:  # noqa: PLR2004  (the version that abbreviates names)
            dropped, at = _varint(index, at)
            end = index.index(0, at)
            name = name[: len(name) - dropped] + index[at:end]
            at = end + 1
        else:
            end = index.index(0, at)
            name = index[at:end]
            at = end + 8 - (end - begin) % 8
        names.append(name)
    return names, at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number in git's variable width (that of OFS_DELTA in gitformat-pack(5)), and where it ends."""
    value = data[at] & 0x7F
    while data[at] & 0x80:
        at += 1
        value = (value + 1 << 7) | data[at] & 0x7F
    return value, at + 1


def _link(index: bytes, oid: int, at: int) -> tuple[str, bytes] | None:
    """The shared index that a split index builds on, and the bitmap of the places in it that no longer count.

    Args:
        index: The index.
        oid: Bytes of an object's name.
        at: Where its extensions begin; git writes this one first.
    """
    signature, size = struct.unpack_from(">4sI", index, at)
    if signature != b"link":
        return None
    at += 8
    return index[at : at + oid].hex(), index[at + oid : at + size]


def is_set(bitmap: bytes, place: int) -> bool:
    """Whether an EWAH bitmap has a bit: runs of 64 equal ones and words of 64, as many as the word before says."""
    if not bitmap:
        return False
    (count,) = struct.unpack_from(">I", bitmap, 4)
    words = struct.unpack_from(f">{count}Q", bitmap, 8)
    at = 0
    while at < count:
        run, literals = 64 * (words[at] >> 1 & 0xFFFFFFFF), words[at] >> 33
        if place < run:
            return bool(words[at] & 1)
        place -= run
        if place < 64 * literals:
            return bool(words[at + 1 + place // 64] >> place % 64 & 1)
        place -= 64 * literals
        at += 1 + literals
    return False

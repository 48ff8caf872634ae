"""Who else may see a `.env` file: other users of this machine, and everybody who gets the repository."""

import stat
from collections.abc import Iterator
from pathlib import Path

from settings.findings import Finding, Rule, Source


def exposures(path: Path) -> Iterator[Finding]:
    """One warning for a file that others can read, one for a file that git tracks."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return
    if mode & stat.S_IROTH:
        yield Finding(
            rule=Rule.FILE_EXPOSED,
            variable=path.name,
            problem="can be read by every user of this machine",
            remedy=f"chmod 600 {path}",
            source=Source(path),
        )
    if _tracked(path):
        yield Finding(
            rule=Rule.FILE_TRACKED,
            variable=path.name,
            problem="is tracked by git, so that its passwords reach everybody who has the repository",
            remedy=f"git rm --cached {path} && echo {path.name} >> .gitignore  # then change the passwords",
            source=Source(path),
        )


def _tracked(path: Path) -> bool:
    """Whether the index of the repository around a file lists it.

    The index is read directly because starting git would take longer than everything else here; an index
    of version 4 (`git update-index --index-version 4`), which abbreviates names, tells nothing.
    """
    for directory in path.parents:
        git = directory / ".git"
        try:
            if git.is_file():  # a worktree or a submodule: "gitdir: <where>"
                git = directory / git.read_text().removeprefix("gitdir:").strip()
            index = (git / "index").read_bytes()
        except OSError:
            continue
        # gitformat-index(5): 16 bits of flags, whose lower 12 are the name's length, then the name, then NUL.
        name = path.relative_to(directory).as_posix().encode()
        position = index.find(name + b"\0")
        while position > 0:
            if int.from_bytes(index[position - 2 : position], "big") & 0xFFF == len(name):
                return True
            position = index.find(name + b"\0", position + 1)
        return False
    return False

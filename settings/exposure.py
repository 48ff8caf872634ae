"""Who else may see a `.env` file: other users of this machine, and everybody who gets the repository."""

import stat
from collections.abc import Iterator
from pathlib import Path
from shlex import quote

from settings.findings import Finding, Rule, Source


def exposures(path: Path, mode: int, *, is_tracked: bool) -> Iterator[Finding]:
    """One warning for a file that others can read, one for a file that git tracks.

    Args:
        path: The file, absolute.
        mode: Its permissions, as `stat` gives them.
        is_tracked: Whether git tracks it.
    """
    if mode & stat.S_IROTH:
        yield Finding(
            rule=Rule.FILE_EXPOSED,
            variable=path.name,
            problem="can be read by every user of this machine",
            remedy=f"chmod 600 {quote(str(path))}",
            source=Source(path),
        )
    if is_tracked:
        yield Finding(
            rule=Rule.FILE_TRACKED,
            variable=path.name,
            problem="is tracked by git, so that its passwords reach everybody who has the repository",
            remedy=f"git rm --cached {quote(str(path))} && echo {quote(path.name)} >> .gitignore  # then change the passwords",
            source=Source(path),
        )

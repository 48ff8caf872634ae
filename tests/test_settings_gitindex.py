"""A `.env` file that git tracks is warned about, however git writes its index."""

import os
import shutil
import struct
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from settings import DatabaseSettings, Finding, Rule, Source
from settings.gitindex import is_set, is_tracked

LOCAL = "postgresql://user:password@localhost:5432/local"
FORMATS = ("sha1", "sha256")
VERSIONS = ("2", "3", "4")


def git(directory: Path, *arguments: str) -> str:
    """Run git without anybody's configuration."""
    identity = ["-c", "user.name=n", "-c", "user.email=n@example.org", "-c", "protocol.file.allow=always"]
    environ = {"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1", "HOME": str(directory)}
    command = [shutil.which("git") or "git", *identity, *arguments]
    done = subprocess.run(command, cwd=directory, env=environ, check=True, capture_output=True, text=True)
    return done.stdout


def repository(
    path: Path, *, form: str = "sha1", files: tuple[str, ...] = ("a", "x.env", "z/.env.example")
) -> Path:
    """A repository with some tracked files and an untracked `.env`, in its root and further down."""
    path.mkdir()
    git(path, "init", "--quiet", f"--object-format={form}")
    for name in (*files, ".env", "deep/er/.env"):
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).touch(mode=0o600)
    git(path, "add", *files)
    return path


def answers(root: Path) -> tuple[bool, bool]:
    """Whether the `.env` in the root and the one further down are tracked; git itself must agree."""
    names = git(root, "ls-files").splitlines()
    told = is_tracked(f"{root}/.env"), is_tracked(f"{root}/deep/er/.env")
    assert told == (".env" in names, "deep/er/.env" in names)
    return told


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_of_the_index_is_read(tmp_path: Path, form: str, version: str) -> None:
    """Written out or abbreviated, with either kind of object names."""
    root = repository(tmp_path / "repository", form=form)
    git(root, "update-index", "--index-version", version)
    assert answers(root) == (False, False)
    git(root, "add", "--force", "deep/er/.env")
    assert answers(root) == (False, True)
    git(root, "add", "--force", "--intent-to-add", ".env")  # the kind of entry that makes it version 3
    assert answers(root) == (True, True)
    git(root, "rm", "--quiet", "--cached", "deep/er/.env")
    assert answers(root) == (True, False)
    index = (root / ".git/index").read_bytes()
    assert index[7] == (4 if version == "4" else 3)


@pytest.mark.parametrize("version", VERSIONS)
def test_long_names_are_read(tmp_path: Path, version: str) -> None:
    """Abbreviated by more than a byte can say; their lengths are not taken for flags."""
    long = "/".join(["b" * 100] * 3)
    root = repository(tmp_path / "repository", files=(f"a/{long}/c", f"a/{long}/d", "deep/a"))
    git(root, "update-index", "--index-version", version)
    assert answers(root) == (False, False)
    git(root, "add", "--force", "deep/er/.env")
    assert answers(root) == (False, True)


@pytest.mark.parametrize("form", FORMATS)
def test_a_split_index_is_read(tmp_path: Path, form: str) -> None:
    """What is only in the part that is shared counts, unless the other part takes it back."""
    files = tuple(f"file{number:03}" for number in range(150))
    root = repository(tmp_path / "repository", form=form, files=files)
    git(root, "add", "--force", ".env")
    git(root, "-c", "splitIndex.maxPercentChange=100", "update-index", "--split-index")
    shared = [path.name for path in (root / ".git").glob("sharedindex.*")]
    assert len(shared) == 1
    assert answers(root) == (True, False)
    keep = ("-c", "splitIndex.maxPercentChange=100")
    git(root, *keep, "add", "--force", "deep/er/.env")
    assert answers(root) == (True, True)
    git(root, *keep, "rm", "--quiet", "--cached", ".env", *files[60:140])
    assert answers(root) == (False, True)
    git(root, *keep, "rm", "--quiet", "--cached", *files[:60], *files[140:])
    assert answers(root) == (False, True)
    assert [path.name for path in (root / ".git").glob("sharedindex.*")] == shared
    git(root, "update-index", "--no-split-index")
    assert answers(root) == (False, True)


@given(
    st.lists(
        st.tuples(st.booleans(), st.integers(0, 3), st.lists(st.integers(0, 2**64 - 1), max_size=3)),
        max_size=5,
    )
)
@example([(True, 0, [1, 2**63]), (False, 2, []), (True, 1, [5])])
@settings(max_examples=50, deadline=None)
def test_any_bitmap_is_read(parts: list[tuple[bool, int, list[int]]]) -> None:
    """Runs of ones and of zeros, and words in between (gitformat-bitmap); beyond its end nothing is set."""
    words, bits, last = list[int](), list[bool](), 0
    for bit, run, literals in parts:
        last = len(words)
        words += [bit | run << 1 | len(literals) << 33, *literals]
        bits += [bit] * 64 * run + [bool(word >> place & 1) for word in literals for place in range(64)]
    bitmap = struct.pack(f">II{len(words)}QI", len(bits), len(words), *words, last)
    assert [is_set(bitmap, place) for place in range(len(bits))] == bits
    assert not any(is_set(bitmap, len(bits) + beyond) for beyond in (0, 1, 63, 64, 65, 1000))
    assert not is_set(b"", 0)


@pytest.mark.parametrize("form", FORMATS)
def test_worktrees_and_submodules_are_read(tmp_path: Path, form: str) -> None:
    """Their `.git` is a file that says where the index is."""
    root = repository(tmp_path / "repository", form=form)
    git(root, "add", "--force", ".env")
    git(root, "commit", "--quiet", "--message", "all")
    git(root, "worktree", "add", "--quiet", str(tmp_path / "tree"))
    tree = tmp_path / "tree"
    (tree / "deep/er").mkdir(parents=True)
    (tree / "deep/er/.env").touch()
    assert answers(tree) == (True, False)
    git(tree, "rm", "--quiet", "--cached", ".env")
    git(tree, "add", "--force", "deep/er/.env")
    assert (answers(tree), answers(root)) == ((False, True), (True, False))
    outer = repository(tmp_path / "outer", form=form)
    git(outer, "submodule", "--quiet", "add", str(root), "inner")
    assert (answers(outer / "inner"), answers(outer)) == ((True, False), (False, False))


@pytest.mark.parametrize("age", [0, 3600])
@pytest.mark.parametrize("version", VERSIONS)
def test_an_index_that_changed_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, age: int
) -> None:
    """To another one of the same size; a moment after the last change or, by the clock, an hour."""
    root = repository(tmp_path / "repository", files=("zenv",))
    git(root, "config", "index.version", version)
    for name, other in ((".env", "zenv"), ("zenv", ".env"), (".env", "zenv")):
        git(root, "add", "--force", name)
        git(root, "rm", "--quiet", "--cached", "--ignore-unmatch", other)
        now = time.time() + age
        with monkeypatch.context() as patched:
            patched.setattr("settings.gitindex.time.time", lambda now=now: now)
            assert [is_tracked(f"{root}/.env") for _ in range(2)] == [name == ".env"] * 2


def test_an_old_index_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it is the same file; a younger one could change again without looking different (racy-git)."""
    root = repository(tmp_path / "repository")
    index = root / ".git/index"
    read: list[Path] = []

    def counting(path: Path) -> bytes:
        read.append(path)
        with path.open("rb") as file:
            return file.read()

    monkeypatch.setattr(Path, "read_bytes", counting)
    for age, times in ((0.0, 3), (1.9, 3), (2.1, 1)):
        read.clear()
        index.touch()
        now = index.stat().st_ctime + age
        monkeypatch.setattr("settings.gitindex.time.time", lambda now=now: now)
        assert [is_tracked(f"{root}/.env") for _ in range(3)] == [False] * 3
        assert read.count(index) == times


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"DIRC",
        b"DIRC\0\0\0\4\0\0\0\1",
        b"DIRC\0\0\0\4\0\0\0\1" + b"\0" * 70,
        b"DIRC\0\0\0\2\0\0\0\1.env\0",
        b"DIRC\0\0\0\2\0\0\0\0link\0\0\0\x20" + b"1" * 50,
        b"DIRC\0\0\0\2\0\0\0\5" + b".env\0" * 20,
    ],
)
def test_an_index_that_cannot_be_read_lists_nothing(tmp_path: Path, content: bytes) -> None:
    """A damaged repository is not the settings' business."""
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/index").write_bytes(content)
    (tmp_path / ".git/config").touch()
    assert not is_tracked(f"{tmp_path}/.env")


@pytest.mark.parametrize(
    "told", [b"", b"gitdir: /nowhere", b"gitdir: nowhere\0", b"\xff\xfe", b"gitdir: \xff"]
)
def test_a_git_file_that_leads_nowhere_is_passed_over(tmp_path: Path, told: bytes) -> None:
    """The repository around it counts then, as without that file."""
    root = repository(tmp_path / "repository")
    git(root, "add", "--force", "deep/er/.env")
    (root / "deep/.git").write_bytes(told)
    assert is_tracked(f"{root}/deep/er/.env")


def test_a_tracked_file_is_a_warning(tmp_path: Path) -> None:
    """With the command that ends it, and the advice that passwords which were committed are known."""
    root = repository(tmp_path / "repository")
    path = root / ".env"
    path.write_text(f"DATABASE_CONNECTION_STRING={LOCAL}\n")
    assert not DatabaseSettings.from_environ({}, path).warnings
    git(root, "add", "--force", ".env")
    [warning] = DatabaseSettings.from_environ({}, path).warnings
    assert warning == Finding(
        rule=Rule.FILE_TRACKED,
        variable=".env",
        problem="is tracked by git, so that its passwords reach everybody who has the repository",
        remedy=f"git rm --cached {path} && echo .env >> .gitignore  # then change the passwords",
        source=Source(path),
    )

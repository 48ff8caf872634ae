"""`dance promote` as a person meets it: on a terminal, with a question, a bar and Ctrl-C."""

import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.commands import DEADLINE, PROJECT, environment
from tests.postgres import Trio
from tests.promoting import Scene, scene, seed_events

QUESTION = "Type the plan's digest to apply it"


@dataclass
class Terminal:
    """A command that runs on a pseudo-terminal."""

    process: subprocess.Popen[bytes]
    screen: int
    shown: str = ""

    def until(self, text: str) -> None:
        """Read until this is on the screen."""
        end = time.monotonic() + DEADLINE
        while text not in self.shown:
            assert time.monotonic() < end, f"{text!r} never came:\n{self.shown}"
            assert self._read(), f"it ended without {text!r}:\n{self.shown}"

    def type(self, text: str) -> None:
        """Type something; a control character stands for its key."""
        os.write(self.screen, text.encode())

    def interrupt(self) -> int:
        """Press Ctrl-C, and again where it came in the moment between Python's look for signals and its read."""
        while self.process.poll() is None:
            self.type("\x03")
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(5)
        return self.end()

    def end(self) -> int:
        """Wait for the end and return the exit status."""
        while self._read():
            pass
        return self.process.wait(DEADLINE)

    def _read(self) -> bool:
        ready, _, _ = select.select([self.screen], [], [], DEADLINE)
        assert ready, f"nothing more came:\n{self.shown}"
        try:
            piece = os.read(self.screen, 65536)
        except OSError:  # Linux's way to say that the other end is closed
            return False
        self.shown += piece.decode(errors="replace")
        return bool(piece)


@contextmanager
def on_a_terminal(here: Scene, home: Path, *arguments: str, **variables: str) -> Iterator[Terminal]:
    """`dance` in a session of its own, with a terminal of a hundred columns."""
    screen, keyboard = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", "import fcntl, termios, sys; fcntl.ioctl(0, termios.TIOCSCTTY, 0); from app.cli.main import main; main()", *arguments],
        env={**environment({**here.trio.environ(), **variables}, home), "PYTHONPATH": str(PROJECT), "TERM": "xterm", "COLUMNS": "100"},
        cwd=home, stdin=keyboard, stdout=keyboard, stderr=keyboard, start_new_session=True,
    ) as process:  # fmt: skip
        os.close(keyboard)
        try:
            yield Terminal(process, screen)
        finally:
            process.kill()
            os.close(screen)


def test_the_digest_that_is_typed_applies_the_plan_that_was_shown(trio: Trio, tmp_path: Path) -> None:
    """From, To, counts and digest, then the question; its digest applies it, with a bar for what is sent."""
    with scene(trio) as here:
        here.working(seed_events(3_000))
        with on_a_terminal(here, tmp_path, "promote") as terminal:
            terminal.until(QUESTION)
            digest = re.findall(r"Plan (\S+)", terminal.shown)[-1]
            stamp = here.live("SELECT stamp_id FROM control.stamp")[0]
            host = trio.render_prod.split("@")[1]
            assert f"To    render_prod ({host}), stamp {stamp}" in terminal.shown
            assert trio.server.password not in terminal.shown
            assert "read-write" not in terminal.shown.split("Plan ")[0].replace("local (explicit)", "")
            terminal.type(digest + "\n")
            assert terminal.end() == 0, terminal.shown
        assert "Sending changed rows" in terminal.shown
        assert "Promoted: 3,010 inserted" in terminal.shown
        assert here.contents("render_prod") == here.contents("local")


def test_anything_else_changes_nothing(trio: Trio, tmp_path: Path) -> None:
    """A word that would always do and the end of the input are refused with 77; Ctrl-C at the question is 130."""
    with scene(trio) as here:
        here.working(seed_events(20))
        for typed, status in (("yes\n", 77), ("\x04", 77), ("", 130)):
            with on_a_terminal(here, tmp_path, "promote") as terminal:
                terminal.until(QUESTION)
                terminal.type(typed)
                assert (terminal.end() if typed else terminal.interrupt()) == status, terminal.shown
            assert ("Nothing was changed: expected" in terminal.shown) == (status == 77)
            assert "Traceback" not in terminal.shown
        assert here.contents("render_prod") == []


def test_ctrl_c_while_production_works(trio: Trio, tmp_path: Path) -> None:
    """An interrupt during apply is heard at once: 130, nothing written, and the promotion's lock is free again."""
    with scene(trio) as here:
        here.working(seed_events(50))
        here.promote()
        before = here.contents("render_prod")
        here.live(
            "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM pg_sleep(300); RETURN NULL; END$$;"
            "CREATE TRIGGER slow AFTER UPDATE ON events FOR EACH STATEMENT EXECUTE FUNCTION slow()"
        )
        here.working("UPDATE events SET name = 'x' WHERE key = 'e3'")
        stamp = here.live("SELECT stamp_id FROM control.stamp")[0]
        with on_a_terminal(here, tmp_path, "promote", PROMOTE_TO=stamp) as terminal:
            terminal.until("Applying and verifying")
            wait_until(
                here,
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()",
            )
            assert terminal.interrupt() == 130, terminal.shown
        assert "Traceback" not in terminal.shown
        here.live("DROP TRIGGER slow ON events")
        assert here.contents("render_prod") == before
        here.assert_promotes()


def wait_until(here: Scene, question: str) -> None:
    """Ask production until the answer is not zero."""
    end = time.monotonic() + DEADLINE
    while here.live(question) == ["0"]:
        assert time.monotonic() < end, question
        time.sleep(0.02)

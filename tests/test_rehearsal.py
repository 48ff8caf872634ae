"""The rehearsal of all four modes."""

from pathlib import Path

from app.database.sandbox import Sandbox
from tests.commands import dance


def test_all_modes_play_together_as_render_would_run_them(place: Path) -> None:
    """Cron job, web service and laptops share production under load, and nothing surprises."""
    done = dance("sandbox", "rehearse", variables={}, cwd=place)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "went as Render should" in done.stdout
    assert Sandbox(place / ".sandbox").server.pid is None

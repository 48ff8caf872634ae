"""Plan, apply, verify, undo: how events reach production."""

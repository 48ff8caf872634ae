"""From sources to events in the working database."""

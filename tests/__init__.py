"""Tests: flat, against real PostgreSQL, through the public door."""

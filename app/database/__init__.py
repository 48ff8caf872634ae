"""Engines, guards, health, routing, tables and migrations."""

"""The production web service."""

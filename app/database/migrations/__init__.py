"""The schema's history, run by `dance migrate`."""

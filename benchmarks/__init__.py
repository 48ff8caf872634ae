"""Speed, measured side by side with the named peers: `python -m benchmarks [AREA]`."""

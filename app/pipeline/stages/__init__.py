"""The stages, one module each with one public function `run`, and what they know as TOML."""

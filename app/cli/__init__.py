"""The verbs of `dance`: the only place that wires the parts together."""

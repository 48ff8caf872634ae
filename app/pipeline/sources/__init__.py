"""Each source yields sightings and cannot reach a database."""

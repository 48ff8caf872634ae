"""What happens to sightings between the sources and the events table."""

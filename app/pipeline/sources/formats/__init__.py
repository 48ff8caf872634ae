"""What sightings are written in: calendars, structured data, feeds, tables. Bytes in, findings out."""

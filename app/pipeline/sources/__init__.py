"""Each source yields sightings and cannot reach a database."""

from app.pipeline.sources.entry import Entry
from app.pipeline.sources.failures import SourceError, SourceListError, SourceSkippedError
from app.pipeline.sources.fetching import Fetcher, FetchMemory, FetchSettings, Remembered
from app.pipeline.sources.listing import SourceList, collect, read_sources

__all__ = [
    "Entry",
    "FetchMemory",
    "FetchSettings",
    "Fetcher",
    "Remembered",
    "SourceError",
    "SourceList",
    "SourceListError",
    "SourceSkippedError",
    "collect",
    "read_sources",
]

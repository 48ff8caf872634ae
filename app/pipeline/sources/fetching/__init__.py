"""Reading files and URLs of strangers: polite, bounded, remembered."""

from app.pipeline.sources.fetching.fetcher import Fetcher, Page, Request
from app.pipeline.sources.fetching.memory import FetchMemory, Remembered
from app.pipeline.sources.fetching.policy import FetchSettings

__all__ = ["FetchMemory", "FetchSettings", "Fetcher", "Page", "Remembered", "Request"]

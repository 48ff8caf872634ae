"""A digest of everything that the stages after `collect` depend on: when it is the same, so is their result."""

from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

from app.database.handles import ReadTransaction

_STATE = """
SELECT
  (SELECT (count(*), count(gone_at), sum(hashtextextended(key || digest, (gone_at IS NULL)::int)))::text FROM sightings),
  (SELECT (count(*), max(id))::text FROM collected_reports),
  (SELECT (count(*), max(asked_at))::text FROM judgements),
  (SELECT count(*)::text FROM events),
  (SELECT count(*)::text FROM venues),
  (SELECT count(*)::text FROM provenance)
"""


def digest_of(transaction: ReadTransaction, now: datetime, model: str) -> str:
    """What the stages would work on now, with the tables that they write.

    Args:
        transaction: of the working database.
        now: the run's moment; its day counts, because rules about time go by days.
        model: the language model's name, blank without one.
    """
    with transaction.cursor() as cursor:
        cursor.execute(_STATE)
        state = cursor.fetchone()
    return blake2b(
        f"{state} {now.astimezone(UTC):%Y-%m-%d} {model} {_code()}".encode(), digest_size=16
    ).hexdigest()


@lru_cache
def _code() -> str:
    """Of the rules and the code that applies them: a change of either makes the stages work again."""
    here = Path(__file__).parent
    files = sorted(
        path for path in here.rglob("*") if path.suffix in (".py", ".toml") and "sources" not in path.parts
    )
    return blake2b(b"".join(path.read_bytes() for path in files), digest_size=16).hexdigest()

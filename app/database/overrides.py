"""The ledger of what somebody decided against a guard's word, kept in the database that it concerned."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import insert

from app.database.handles import WriteTransaction
from app.database.origin import origin
from app.database.tables import overrides


def record_override(
    transaction: WriteTransaction, *, action: str, reason: str, detail: Mapping[str, Any] | None = None
) -> None:
    """Record a decision in the transaction that carries it out: neither exists without the other.

    Args:
        transaction: the one that changes the database.
        action: the command or the gate, for instance "stamp".
        reason: why, in the words of whoever decided.
        detail: what it was and what it became; no secret.
    """
    here = origin()
    transaction.execute(
        insert(overrides).values(
            who=here.who, host=here.host, action=action, reason=reason, detail=dict(detail or {})
        )
    )

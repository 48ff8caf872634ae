"""Promotion: who may promote unattended, and how much a promotion may change or keep waiting."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from settings.group import SettingsGroup
from settings.marks import SECRET, OnRender


class PromotionSettings(SettingsGroup):
    """Consent, tolerances and waiting of promotions to production."""

    promote_to: Annotated[UUID | None, OnRender(cron=SECRET)] = Field(
        default=None,
        alias="PROMOTE_TO",
        description=(
            "Stamp id of the production database that an unattended promotion may change; set only on the"
            " cron job, from `dance stamp`."
        ),
    )
    max_shrink: float = Field(
        default=0.2,
        ge=0,
        le=1,
        alias="PROMOTION_MAX_SHRINK",
        description="Share of a table's rows that a promotion may take away without an override.",
    )
    max_change: float = Field(
        default=0.5,
        ge=0,
        le=1,
        alias="PROMOTION_MAX_CHANGE",
        description="Share of a table's rows that a promotion may update or delete without an override.",
    )
    lock_timeout: float = Field(
        default=5,
        gt=0,
        le=300,
        alias="PROMOTION_LOCK_TIMEOUT",
        description="Seconds that a promotion waits for its lock, and writers behind it, in one attempt.",
    )
    lock_attempts: int = Field(
        default=3,
        ge=1,
        le=100,
        alias="PROMOTION_LOCK_ATTEMPTS",
        description="How often a promotion asks for its lock before it gives up for now.",
    )
    keep_undo: int = Field(
        default=20,
        ge=1,
        alias="PROMOTION_KEEP_UNDO",
        description="Promotions that can be undone: production keeps the rows that they replaced.",
    )

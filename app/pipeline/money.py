"""What an event costs, out of what people write."""

import re
from decimal import Decimal
from functools import lru_cache
from typing import Final

from price_parser import Price as ParsedPrice

from app.pipeline.draft import Price
from app.pipeline.text import clean_line
from app.pipeline.vocabulary import Vocabulary, load

_DATA: Final = load("money")
_FREE: Final = Vocabulary({"free": _DATA["free"]})
_NOT_FREE: Final = Vocabulary({"not free": _DATA["not_free"]})
_CURRENCIES: Final[dict[str, str]] = {symbol.casefold(): code for symbol, code in _DATA["currencies"].items()}
_HOME: Final[str] = _DATA["home"]
_SYMBOL: Final = re.compile(
    "|".join(map(re.escape, sorted(_CURRENCIES, key=len, reverse=True))), re.IGNORECASE
)
_CODE: Final = re.compile(r"[A-Z]{3}")
_CLOCK: Final = re.compile(
    r"\b\d{1,2}:\d{2}(?:\s*[ap]\.?m\b\.?)?|\b\d{1,2}\s*[ap]\.?m\b\.?|\b\d{1,3}\s*%|\b\d{1,2}\s*\+|\b\d+(?:st|nd|rd|th)\b",
    re.IGNORECASE,
)
_AMOUNT: Final = re.compile(r"\d[\d,. ]*\d|\d")
_HIGHEST: Final = Decimal(99_999)


@lru_cache(maxsize=50_000)
def price_of(text: str, currency: str | None = None) -> Price:
    """Amounts, currency and whether it is free.

    A bare number is an amount when nothing else is said ("10 - 20"); beside words it needs a currency ("15 at
    the door, 8 pm" has none and gives no amount). Times, ages and percentages are never amounts.

    Args:
        text: as written; kept for people.
        currency: ISO 4217, when the source has a field for it.
    """
    shown = clean_line(text)
    if not shown:
        return Price()
    bare = _CLOCK.sub(" ", shown)
    symbols = _SYMBOL.findall(bare)
    amounts = _amounts(bare) if symbols or currency or not re.search(r"[^\W\d_]{2}", bare) else []
    free = bool(_FREE.find(shown)) and not _NOT_FREE.find(shown)
    if free:
        amounts.append(Decimal(0))
    if not amounts:
        return Price(shown)
    low, high = min(amounts), max(amounts)
    code = _code(currency) or (_CURRENCIES[symbols[0].casefold()] if symbols else _HOME)
    return Price(shown, low, high, code, is_free=high == 0)


def _amounts(text: str) -> list[Decimal]:
    found = (ParsedPrice.fromstring(part).amount for part in _AMOUNT.findall(text))
    return [amount.quantize(Decimal("0.01")) for amount in found if amount is not None and amount <= _HIGHEST]


def _code(currency: str | None) -> str | None:
    code = (currency or "").strip().upper()
    return code if _CODE.fullmatch(code) else None

"""How a number or a foreign text is written on a card. The only place of the report that formats either."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from selfscope.statistics import Estimate

MINUS = "\u2212"
NOTHING = "\u2013"
_BIDI = {chr(c) for c in (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F)}


@dataclass(frozen=True)
class Number:
    """A number as a plot needs it (value, low, high) and as people read it (text, interval)."""

    value: float
    low: float
    high: float
    text: str
    interval: str = ""

    @property
    def both(self) -> str:
        """The number with its interval behind it, as one string."""
        return f"{self.text} {self.interval}".strip()


def decimal(value: float, places: int = 2) -> str:
    """0.123 -> "0.12", with a true minus sign; a dash when it is not a finite number."""
    if not math.isfinite(value):
        return NOTHING
    text = f"{abs(value):.{places}f}"
    return f"{MINUS}{text}" if value < 0 and float(text) != 0 else text


def signed(value: float, places: int = 2) -> str:
    """A difference: like `decimal`, with a plus sign where it is positive."""
    text = decimal(value, places)
    return f"+{text}" if math.isfinite(value) and value > 0 and float(f"{value:.{places}f}") != 0 else text


def percent(value: float) -> str:
    """0.123 -> "12 %" (thin no-break space), without decimals."""
    return f"{decimal(100 * value, 0)}\u202f%" if math.isfinite(value) else NOTHING


def count(value: float) -> str:
    """12345 -> "12 345" with thin no-break spaces."""
    return f"{round(value):,}".replace(",", "\u202f") if math.isfinite(value) else NOTHING


def duration(seconds: float) -> str:
    """Seconds in the unit that fits: "0.4 s", "12 s", "3 min 20 s"."""
    if not math.isfinite(seconds):
        return NOTHING
    if seconds < 9.95:
        return f"{seconds:.1f}\u202fs"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}\u202fs"
    if whole < 3600:
        return f"{whole // 60}\u202fmin {whole % 60}\u202fs"
    return f"{whole // 3600}\u202fh {whole % 3600 // 60}\u202fmin"


def triple(estimate: Any) -> tuple[float, float, float] | None:
    """(value, low, high) of an Estimate, of one that went through JSON, of a (low, high) pair or of a bare number."""
    if estimate is None or isinstance(estimate, bool | str):
        return None
    if isinstance(estimate, Estimate):
        interval = (estimate.value, estimate.low, estimate.high)
    elif isinstance(estimate, Mapping):
        if estimate.get("value") is None:
            return None
        value = float(estimate["value"])
        low, high = estimate.get("low"), estimate.get("high")
        interval = (value, value if low is None else float(low), value if high is None else float(high))
    elif isinstance(estimate, tuple | list):
        if len(estimate) != 2 or None in estimate:
            return None
        low, high = float(estimate[0]), float(estimate[1])
        interval = ((low + high) / 2, low, high)
    else:
        interval = (float(estimate),) * 3
    return interval if math.isfinite(interval[0]) else None


def share(estimate: Any) -> Number | None:
    """A share in percent, as computed: neither estimate nor interval is cut; no point stands outside its interval."""
    interval = triple(estimate)
    if interval is None:
        return None
    value, low, high = interval
    return Number(value, low, high, percent(value), _brackets(100 * low, 100 * high, places=0))


def skill(estimate: Any, *, change: bool = False) -> Number | None:
    """A Brier skill (or, with `change`, a difference of two)."""
    interval = triple(estimate)
    if interval is None:
        return None
    value, low, high = interval
    return Number(value, low, high, signed(value) if change else decimal(value), _brackets(low, high, places=2))


def _brackets(low: float, high: float, *, places: int) -> str:
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    return f"[{decimal(low, places)}, {decimal(high, places)}]"


def clean(text: str, limit: int = 600) -> str:
    """Foreign text made harmless to a page and a terminal: control, bidi and lone surrogate characters become visible
    or a replacement mark; what is longer than `limit` characters is cut with an ellipsis."""
    kept = []
    for char in text[: limit + 1]:
        code = ord(char)
        if char in "\n\t":
            kept.append(char)
        elif code < 32:
            kept.append(chr(0x2400 + code))
        elif char in _BIDI or unicodedata.category(char) in ("Cc", "Cs"):
            kept.append("\ufffd")
        else:
            kept.append(char)
    return "".join(kept[:limit]) + ("\u2026" if len(text) > limit else "")


def sentence(text: str) -> str:
    """A sentence of a claim: capitalised, its numbers kept together with their percent signs and intervals."""
    joined = re.sub(r"(\d) ?%", "\\1\u202f%", clean(text, 400)).replace("% [", "%\u00a0[")
    joined = re.sub(r"(?<![\w-])-(?=\d)", MINUS, joined)
    return joined[:1].upper() + joined[1:]


def scalar(value: Any) -> str:
    """Any setting or count of a record as short text."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return NOTHING
    if isinstance(value, int):
        return count(value) if abs(value) >= 10_000 else str(value)
    if isinstance(value, float):
        return decimal(value, 2) if abs(value) < 1000 else count(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{clean(str(k), 60)} {scalar(v)}" for k, v in value.items())
    if isinstance(value, tuple | list):
        return ", ".join(scalar(v) for v in value)
    return clean(str(value), 300)

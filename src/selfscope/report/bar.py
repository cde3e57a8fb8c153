"""What a report follows, as one bar: the shares that the evidence determines, and the rest marked open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selfscope.report import labels
from selfscope.report.document import Bar, Piece
from selfscope.report.format import percent, share, triple
from selfscope.verdicts.claims import Claim
from selfscope.verdicts.splits import FULL, POOLED, TRACKING

QUOTED_FROM, WIDEST = 0.5, 0.6
"""Reliability of the history rival from which the full split is drawn; and the interval up to which a share is: one
that spans six tenths of the report only says that it is not all of it, or not nothing."""
OPEN = "open"


def determined(estimate: Any) -> bool:
    """Whether a share's 95 % interval is narrow enough to be drawn."""
    interval = triple(estimate)
    return interval is not None and interval[2] - interval[1] < WIDEST


def reliable(claim: Claim) -> bool:
    """Whether the history rival is no mere noise."""
    kappa = triple(claim.numbers.get("kappa"))
    return kappa is None or kappa[0] >= QUOTED_FROM


def split_of(claim: Claim) -> tuple[str, Mapping[str, Any]]:
    """(its name, its shares): the split that the verdict rests on, else the most ambitious one that may be quoted;
    ("", {}) where there is none."""
    splits: Mapping[str, Mapping[str, Any]] = {FULL: claim.shares, POOLED: claim.pooled, TRACKING: claim.tracking}
    demanded = {FULL: ("private",), POOLED: ("tracking", "public"), TRACKING: ("tracking",)}
    if splits.get(claim.split):
        return claim.split, splits[claim.split]
    for name, shares in splits.items():
        whole = name != FULL or (reliable(claim) and bool(quoted(shares)[1:]))
        if whole and all(determined(shares.get(key)) for key in demanded[name]):
            return name, shares
    known = [(name, shares) for name, shares in reversed(list(splits.items())) if any(map(triple, shares.values()))]
    return known[0] if known else ("", {})


def quoted(shares: Mapping[str, Any]) -> tuple[str, ...]:
    """The shares that are determined, in the order of drawing: habit and text apart, or together as public."""
    apart = all(determined(shares.get(k)) for k in ("habit", "input")) or "public" not in shares
    middle = ("habit", "input") if apart else ("public",)
    return tuple(k for k in ("private", "tracking", *middle, "format", "unmoved") if determined(shares.get(k)))


def bar_of(claim: Claim) -> Bar | None:
    """The bar of a claim; None where nothing was estimated. Drawn sizes are cut to 0..1 and brought to one if they
    exceed it together; figures are as computed."""
    split, shares = split_of(claim)
    drawn = quoted(shares)
    if not shares:
        return None
    sizes = {key: min(max(triple(shares[key])[0], 0.0), 1.0) for key in drawn}  # type: ignore[index]
    total = sum(sizes.values())
    scale = 1 / total if total > 1 else 1.0
    pieces = [_piece(key, split, shares[key], sizes[key] * scale) for key in drawn]
    left = max(0.0, 1 - total)
    pieces.append(Piece(OPEN, OPEN, OPEN, 1 - sum(p.size for p in pieces), None, percent(left)))
    wide = _wide(split, shares, drawn)
    if not wide and left < 0.005:
        pieces = pieces[:-1]
    spoken = "; ".join(f"{p.label} {p.figures}" for p in pieces)
    return Bar(tuple(pieces), labels.SPLITS[split], wide, f"What its report follows: {spoken}")


def name_of(key: str, split: str) -> str:
    """What a share of a split is called."""
    return labels.OF_SPLIT.get(split, {}).get(key, labels.SHARES[key][1])


def _piece(key: str, split: str, estimate: Any, size: float) -> Piece:
    number = share(estimate)
    assert number is not None  # determined
    return Piece(key, name_of(key, split), labels.SHARES[key][0], size, number, number.both)


def _wide(split: str, shares: Mapping[str, Any], drawn: tuple[str, ...]) -> str:
    """The shares that are left open, with their figures; habit and text only together, where they are not drawn."""
    together = ("habit", "input", "public") if "habit" in drawn else ("habit", "input")
    told = (*drawn, *together) if "public" in shares and split == FULL else drawn
    left = {k: share(shares.get(k)) for k in labels.SHARES if k not in told}
    return ", ".join(f"{name_of(k, split)} {number.both}" for k, number in left.items() if number is not None)

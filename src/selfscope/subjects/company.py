"""In whose company a row keeps its numbers, and whether it is read from left to right at all: measured when a model is
loaded, by mechanism and not by what its configuration calls things.

A row of a batch should have the numbers that it has alone. Two kinds of rules break that: those that change with the
longest *position* of a batch (longrope, dynamic NTK), and those that change with its longest *row* (sparse attention
that selects among padded keys). The first are found at any distance with a dozen tokens whose positions lie far out,
the second on rows as long as a model of this size can afford.

Axes: B rows, T tokens, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from selfscope.errors import BadModel

Ids = tuple[int, ...]
PROBE = 12  # tokens of a row whose numbers are watched
AFFORDABLE = 3e9  # parameters times tokens of one probe while a model is loaded: a few hundredths of a second
LONGEST = 512  # tokens of a row that is tried while a model is loaded
RAISED = (TypeError, ValueError, RuntimeError, IndexError, AttributeError, KeyError, NotImplementedError)
"""What an architecture raises that does not take the inputs of a probe, or a fast way."""


@dataclass(frozen=True)
class Tried:
    """What was tried of a model, and the largest difference (nats); None where it could not be tried."""

    what: str
    gap: float | None
    note: str = ""


@dataclass(frozen=True)
class Company:
    """Which rows may be computed together.

    bound: rows longer than this follow another rule than the others (None: there is one rule). equal_from: rows longer
    than this keep their numbers only among rows of their own length (None: all of them keep them). longest: longer rows
    have no number of their own: what was computed before changes it (None: all have). alone: not even rows of one
    length may stand together. tried: what that rests on.
    """

    bound: int | None = None
    equal_from: int | None = None
    longest: int | None = None
    alone: bool = False
    tried: tuple[Tried, ...] = ()

    def side(self, length: int) -> int:
        """Rows of equal sides may be computed together."""
        if self.equal_from is not None and length > self.equal_from:
            return length
        return int(self.bound is not None and length > self.bound)

    def one_rule(self, length: int) -> bool:
        """Whether rows up to this length all lie on the first side."""
        return self.side(length) == 0


def tolerance_of(model: Any) -> float:
    """Nats between two ways of computing one number: in fp32 rounding is far below, in half precision it is not."""
    return 1e-4 if model.dtype == torch.float32 else 0.3


def bound_of(model: Any) -> float:
    """Nats between two forwards of one shape of which only other tokens or positions differ: what does not depend on
    them is computed alike in every dtype, so that half precision needs no room for its rounding here."""
    return max(1e-3, tolerance_of(model))


UNLIKELY = -30.0  # nats: below, a log-probability is rounding and decides nothing


def probe_row(vocabulary: int, length: int, turn: int = 0) -> Ids:
    """A row of so many tokens; another one for another turn."""
    return tuple((7 * k * (turn + 1) + 5 * turn + 11) % vocabulary for k in range(length))


def gap_of(a_TV: torch.Tensor, b_TV: torch.Tensor) -> float:
    """Largest difference of log-probabilities that are not negligible; what is no number is infinitely far."""
    a_TV, b_TV = (x.log_softmax(-1).clamp(min=UNLIKELY) for x in (a_TV, b_TV))
    gap = float((a_TV - b_TV).abs().max()) if a_TV.numel() else 0.0
    return gap if gap >= 0 else float("inf")


class Probes:
    """Logits of the bare model on rows, alone and in company."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.vocabulary = int(model.config.get_text_config().vocab_size)
        self.tolerance = 10 * tolerance_of(model)  # rounding of the bare model: unusual tokens, a large vocabulary

    def logits(self, rows: Sequence[Ids], first: Sequence[int] | None = None) -> list[Any]:
        """Logits (T, V) of each row, padded to the longest. first: the position of each row's first token."""
        width = max(map(len, rows))
        ids_BT = torch.zeros(len(rows), width, dtype=torch.long)
        seen_BT = torch.zeros_like(ids_BT)
        for b, row in enumerate(rows):
            ids_BT[b, : len(row)], seen_BT[b, : len(row)] = torch.tensor(row), 1
        positions_BT = torch.stack([torch.arange(s, s + width) for s in first or [0] * len(rows)])
        inputs = {"input_ids": ids_BT, "attention_mask": seen_BT, "position_ids": positions_BT}
        on_device = {name: x.to(self.model.device) for name, x in inputs.items()}
        logits_BTV = self.model(**on_device, use_cache=False).logits.float()
        return [logits_BTV[b, : len(row)] for b, row in enumerate(rows)]

    def company(self, rows: Sequence[Ids]) -> float:
        """Largest difference of a row alone from the same row among these."""
        together = self.logits(rows)
        return max(gap_of(own, self.logits([row])[0]) for own, row in zip(together, rows, strict=True))


def causal_gap(model: Any) -> float:
    """How much a later token changes the log-probabilities at earlier positions.

    Raises
    ------
    BadModel
        For a model that does not run on a row of tokens.
    """
    probes = Probes(model)
    row = probe_row(probes.vocabulary, PROBE)
    changed = {place: (*row[:place], (row[place] + 3) % probes.vocabulary, *row[place + 1 :]) for place in (5, 11)}
    ids_BT = torch.tensor([row, *changed.values()], device=model.device)
    try:
        logits_BTV = model(input_ids=ids_BT, use_cache=False).logits.float()
    except RAISED as error:
        raise BadModel(f"the model does not run on a row of tokens ({' '.join(str(error).split())[:200]})") from error
    if logits_BTV.shape[:2] != ids_BT.shape:
        shape = tuple(logits_BTV.shape)
        raise BadModel(f"the model gives logits of the shape {shape} for {tuple(ids_BT.shape)} tokens")
    return max(gap_of(logits_BTV[0, :place], logits_BTV[b, :place]) for b, place in enumerate(changed, 1))


def require_causal(model: Any) -> Tried:
    """Raises BadModel for a model whose earlier positions see later tokens: an encoder, whose scores mean nothing."""
    gap = causal_gap(model)
    if not gap < bound_of(model):
        raise BadModel(
            f"the model is not causal: another later token changes what it says at earlier positions, by {gap:.2g} "
            "nats. It is an encoder, or made to see both ways: its log-probabilities are not those of a text read from "
            "left to right"
        )
    return Tried("a later token changes nothing before it", gap)


def company_of(
    model: Any, context: int, *, affordable: float = AFFORDABLE, longest: int = LONGEST
) -> Company:
    """Which rows of this model may be computed together, tried on the model itself.

    context: most tokens of a row. affordable: parameters times tokens of one probe. longest: of a row that is tried.
    """
    probes = Probes(model)
    bound, alike, kept, by_position = _by_position(probes, context)
    equal_from, by_length = _by_length(probes, context if kept or bound is None else bound, bound, affordable, longest)
    if bound is not None and not alike:
        equal_from = bound if equal_from is None else min(bound, equal_from)
    tried = [*by_position, *by_length]
    alone = equal_from is not None and _disturbed_by_equals(probes, equal_from, context, affordable, tried)
    return Company(bound, equal_from, None if kept else bound, alone, tuple(tried))


def _by_position(probes: Probes, context: int) -> tuple[int | None, bool, bool, list[Tried]]:
    """(the last length of the first rule, whether rows beyond it agree, whether they keep their numbers, tried)."""
    what = "a row beside one at a far position"
    rows = [probe_row(probes.vocabulary, PROBE), probe_row(probes.vocabulary, PROBE, 1)]
    if context <= 2 * PROBE:
        return None, True, True, []

    def alone(row: Ids, length: int) -> torch.Tensor:
        probes.logits(rows[:1])  # what a longer row has left in the model is taken back by a short one
        return probes.logits([row], [length - PROBE])[0]

    def disturbed(length: int, beside: int = PROBE, at: int = PROBE) -> float:
        """How much the first row changes, at one length, when the row beside it grows: all of one shape."""
        alone(rows[0], at)
        before_TV = probes.logits(rows, [at - PROBE, beside - PROBE])[0]
        return gap_of(probes.logits(rows, [at - PROBE, length - PROBE])[0], before_TV)

    within = bound_of(probes.model)
    try:
        gap = disturbed(context)
        if gap < within:
            return None, True, True, [Tried(what, gap, f"position {context - 1}")]
        low, high = PROBE, context  # rows of `low` tokens disturb nobody, those of `high` do
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if disturbed(middle) >= within else (middle, high)
        tried = [Tried(what, gap, f"changes beyond {low} tokens: rows on either side are computed apart")]
        alike = kept = True
        if high < context:
            beyond = disturbed(context, high, high)
            own_TV = alone(rows[0], high)
            alone(rows[1], context)
            later = gap_of(probes.logits(rows[:1], [high - PROBE])[0], own_TV)
            alike, kept = beyond < within, later < within
            tried.append(Tried(f"two rows beyond {low} tokens", beyond, "" if alike else "equal lengths together"))
            tried.append(Tried(
                f"one beyond {low} tokens after a longer one", later,
                "" if kept else f"depends on what was computed before: longer rows than {low} tokens are refused",
            ))  # fmt: skip
        probes.logits(rows[:1])
        return low, alike, kept, tried
    except RAISED as error:
        return None, True, True, [Tried(what, None, f"it takes no positions ({' '.join(str(error).split())[:80]})")]


def _by_length(
    probes: Probes, context: int, bound: int | None, affordable: float, longest: int
) -> tuple[int | None, list[Tried]]:
    """(the longest rows that may stand beside others, tried): rows of the lengths at which the configuration may change
    a rule, and of the next ones."""
    size = sum(p.numel() for p in probes.model.parameters())
    numbers = sorted({n for n in _numbers(probes.model.config.to_dict()) if PROBE < n < context - 4})
    able = [n for n in numbers if n <= longest and 3 * (n + 4) * size <= affordable]
    named = [n for n in _named(probes.model.config.to_dict(), SELECTING) if n < context]
    rounded = named if probes.model.dtype != torch.float32 else []  # a few keys too many are within its rounding

    def gap(length: int) -> float:
        least = 5 if bound is None or length <= bound else bound + 1  # rows on either side never stand together
        lengths = (min(least, length), max(length - 2, least), length)
        rows = [probe_row(probes.vocabulary, n, k) for k, n in enumerate(lengths)]
        try:
            return probes.company(rows)
        except RAISED:
            return float("inf")

    short = gap(PROBE)
    if not short < probes.tolerance:
        return 0, [Tried("short rows in company", short, "only rows of one length are computed together")]
    tried = [Tried("short rows in company", short)]
    if able:
        far = able[-1] + 4
        at = gap(far)
        tried.append(Tried(f"rows of up to {far} tokens in company", at))
        if not at < probes.tolerance:
            low, high = PROBE, far
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if gap(middle) < probes.tolerance else (low, middle)
            edge = min([low - 2, *rounded])
            return edge, [*tried, Tried(f"rows beyond {edge} tokens", at, "equal lengths together")]
    selects = [n for n in named if n not in able] or rounded
    if selects:
        why = "within the rounding" if rounded else "too long"
        note = f"not tried, {why}: longer rows are computed among rows of their own length"
        return min(selects), [*tried, Tried(f"rows beyond {min(selects)} tokens", None, note)]
    return None, tried


def _disturbed_by_equals(
    probes: Probes, equal_from: int, context: int, affordable: float, tried: list[Tried]
) -> bool:
    """Whether rows of one length change each other's numbers too; where that cannot be tried, they are taken to."""
    length = min(max(equal_from + 3, PROBE), context)
    what = f"rows of {length} tokens each in company"
    size = sum(p.numel() for p in probes.model.parameters())
    if 3 * length * size > affordable:
        tried.append(Tried(what, None, "not tried, too long: such rows are computed one by one"))
        return True
    gap = probes.company([probe_row(probes.vocabulary, length, k) for k in range(3)])
    tried.append(Tried(what, gap, "" if gap < probes.tolerance else "computed one by one"))
    return not gap < probes.tolerance


SELECTING = ("index_topk",)
"""How configurations call the number of keys beyond which attention selects among them: where rows of that length are
too long to be tried, they are taken to disturb each other."""


def _numbers(config: Mapping[str, Any]) -> Iterator[int]:
    """Every whole number of a configuration, at any depth."""
    for value in config.values():
        if isinstance(value, Mapping):
            yield from _numbers(value)
        elif isinstance(value, list | tuple):
            yield from (v for v in value if type(v) is int)
        elif type(value) is int:
            yield value


def _named(config: Mapping[str, Any], names: Sequence[str]) -> Iterator[int]:
    for name, value in config.items():
        if isinstance(value, Mapping):
            yield from _named(value, names)
        elif name in names and type(value) is int and value > 0:
            yield value


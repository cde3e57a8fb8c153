"""What would settle what a card leaves open: one command each, and what it costs to add."""

from __future__ import annotations

from selfscope.statistics import Estimate, below
from selfscope.verdicts.claims import Settle
from selfscope.verdicts.measured import Measured
from selfscope.verdicts.settings import Settings
from selfscope.verdicts.words import ACCESS, COPIES, FORMAT, NARRATIVE, NOT_SUPPORTED, PRIOR, READS

MISSING = "control missing: "
"""How the reason begins that names controls which were not run, with commas between them."""
HOPELESS = 1000
"""Times the items there were: a number of items beyond this is no advice."""
WORTH = 1.15
"""Times the items there were: fewer more than this would not have helped, so their number is not what is lacking."""


def settling(e: Measured, verdict: str, reason: str, s: Settings) -> tuple[Settle, ...]:
    """The likeliest first; nothing where the main thing is settled: the state was changed and the report followed it,
    or it is constant, whatever finer shares may be."""
    if (verdict == ACCESS and e.do is not None) or verdict in (NARRATIVE, PRIOR, FORMAT, COPIES, READS):
        return ()
    lacking = reason.removeprefix(MISSING).split(", ") if reason.startswith(MISSING) else []
    out = [_of_check(c.name, c.run, e) for c in e.checks if c.status == "missing" and c.name in lacking]
    if reason == "too few clusters" and e.whole_world:
        return ()
    if reason == "too few clusters":
        more = max(0, s.clusters - e.clusters)
        out.append(Settle("more groups of items", "--profile full, or more lines in --items", more, more))
    if reason == "too many non-answers":
        what = "a form of question that it answers: other readers and formats, or an instruction-tuned model"
        out.append(Settle(what, "--readers NAME", e.items, 0))
    if reason in ("too many non-answers", "no private variation", "format not crossed", "parse rates differ"):
        return tuple(out)
    if not e.whole(s):
        out += _rivals(e, s)
    if e.do is None:
        missing = [c for c in e.checks if c.name == "hidden state" and c.status == "missing"]
        out += [_of_check(c.name, c.run, e) for c in missing]
    if verdict == NOT_SUPPORTED and reason == "undecided":
        unsure = e.effect is not None and e.effect.low > 0
        what = "more items in which the state is changed: whether what it says fits its own change best"
        out[:0] = [Settle(what, "--profile full", e.items, e.items)] if unsure else []
        out += [] if e.whole_world else _items(e, s)
    return tuple({one.what: one for one in out}.values())


def _of_check(name: str, run: str, e: Measured) -> Settle:
    return Settle(name, run, e.items, 0)


def _rivals(e: Measured, s: Settings) -> list[Settle]:
    """What keeps the full split from being used: nobody learnt its past, too little of it, or all say the same."""
    of = {c.name: c for c in e.checks}
    history, near = of.get("history rival"), of.get("input rival")
    out = []
    if history is not None and history.status == "missing" and not e.whole_world:
        what = "train items: nobody learnt its past"
        out.append(Settle(what, "items of a train split", 0, max(e.train, e.items // 2)))
    elif e.kappa < s.kappa and not e.whole_world:
        what = f"more train items: what was learnt of its past is mostly noise (reliability {max(0.0, e.kappa):.2f})"
        out.append(Settle(what, "--profile full", 0, e.train))
    if e.singular or (near is not None and near.status == "missing"):
        what = "another model's forecast: the rivals there are cannot be told from what it does"
        out.append(Settle(what, "--other MODEL", 2 * e.items, 0))
    return out


def _items(e: Measured, s: Settings) -> list[Settle]:
    """How many items until an effect that is not there is shown to be below the margin: where noise is what lacks. One
    that is clearly above the margin stays there, however many there are.

    Equivalence is reachable at se < margin / 2.6, and the standard error falls with the root of the clusters."""
    open_: list[tuple[Estimate, float, str]] = []
    if e.effect is not None and _astride(e.effect, s.margin_causal):
        open_.append((e.effect, s.margin_causal, " in which the state is changed"))
    if e.goes is not None and _astride(e.goes, s.tracking):
        open_.append((e.goes, s.tracking, ""))
    for size, margin, where in open_:
        times = (2.6 * size.se / margin) ** 2
        if WORTH < times < HOPELESS:
            needed = _rounded(int(size.items * times))
            more = needed - size.items
            return [Settle(f"about {needed} items{where}, not {size.items}", "--profile full", more, more)]
    return []


def _astride(size: Estimate, margin: float) -> bool:
    """Whether the two one-sided tests leave it open on which side of the margin it is."""
    return size.at(2 * size.level - 1).low < margin and not below(size, margin)


def _rounded(n: int) -> int:
    step = 10 ** max(0, len(str(n)) - 2)
    return int(-(-n // step) * step)

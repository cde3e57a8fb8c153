"""The words of the verdicts, from the strongest claim to none, and how a share is written in a sentence."""

from __future__ import annotations

from selfscope.statistics import Estimate

ACCESS, READS, FOLLOWS, COPIES = "access", "reads the changed text", "follows its context", "copies its context"
ALARM, NARRATIVE, PUBLIC = "alarm only", "narrative", "self-prediction"
PRIOR, FORMAT, NOT_SUPPORTED = "prior-like", "format", "not supported"
VERDICTS = (ACCESS, READS, FOLLOWS, ALARM, NARRATIVE, PUBLIC, PRIOR, FORMAT, COPIES, NOT_SUPPORTED)


def share(x: Estimate) -> str:
    """In per cent with its interval, as computed: neither is cut, so that no point stands outside its interval."""
    return f"{100 * x.value:.0f} % [{100 * x.low:.0f}, {100 * x.high:.0f}]"


def elsewhere(answered: float) -> str:
    """That most questions got no answer that was listed."""
    return f"Mostly says something else: only {100 * answered:.0f} % of the questions got one of the listed answers."

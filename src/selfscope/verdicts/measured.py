"""What was estimated of a report, as the decision table looks at it."""

from __future__ import annotations

from dataclasses import dataclass, field

from selfscope.statistics import Estimate
from selfscope.verdicts.claims import Check
from selfscope.verdicts.settings import Settings
from selfscope.verdicts.splits import Split


@dataclass(frozen=True)
class Measured:
    """What the table looks at. None: was not run, or cannot be computed.

    private to public: the full split; private_twin: with the near twin's forecast in place of the history rival's.
    pooled, tracking: the smaller splits. do, identification, ablated: under a state that no report can read as text;
    beyond_words: less the same words alone. follows, copies, alarm: under a state that is text. unearned: confidence.
    items, train: how many there were, for advice.
    whole_world: there are no more groups of items to ask. blocks: (reason, sentence) that stop before the table.
    """

    private: Estimate | None = None
    private_twin: Estimate | None = None
    habit: Estimate | None = None
    input: Estimate | None = None
    format: Estimate | None = None
    unmoved: Estimate | None = None
    public: Estimate | None = None
    pooled: Split | None = None
    tracking: Split | None = None
    do: Estimate | None = None
    beyond_words: Estimate | None = None
    identification: Estimate | None = None
    ablated: Estimate | None = None
    follows: Estimate | None = None
    copies: Estimate | None = None
    alarm: Estimate | None = None
    unearned: Estimate | None = None
    kappa: float = 0.0
    f_hat: float = 0.0
    answered: float = 1.0
    clusters: int = 0
    items: int = 0
    train: int = 0
    whole_world: bool = False
    singular: bool = False
    blocks: tuple[tuple[str, str], ...] = ()
    checks: tuple[Check, ...] = field(default=())

    @property
    def effect(self) -> Estimate | None:
        """How far the report follows a changed state: one that it cannot read decides over one that it can."""
        return self.do if self.do is not None else self.follows

    @property
    def goes(self) -> Estimate | None:
        """What goes with what it does, by any route."""
        return self.tracking.estimates.get("tracking") if self.tracking else None

    def whole(self, s: Settings) -> bool:
        """Whether the full split can be used: not singular, and a history rival that is no noise."""
        return self.private is not None and not self.singular and self.kappa >= s.kappa

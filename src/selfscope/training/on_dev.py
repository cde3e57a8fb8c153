"""What a decoder that is done makes of dev, with intervals: looks on the way are numbers alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from selfscope.statistics import Estimate, mean, proportion
from selfscope.training.dev import Dev
from selfscope.training.examples import Example
from selfscope.training.live_decoder import LiveDecoder
from selfscope.training.loop import scored
from selfscope.training.objectives import losses_of, right


@dataclass(frozen=True)
class OnDev:
    """The last look.

    Attributes
    ----------
    loss : Estimate
        Mean loss of the real examples.
    right, shuffled : Estimate
        Share of the real examples that are right, and of those with the states of others.
    gap : Estimate
        The former less the latter, paired: what the states tell.
    """

    loss: Estimate
    right: Estimate
    shuffled: Estimate
    gap: Estimate

    def __str__(self) -> str:
        loss, gap = self.loss, self.gap
        return (
            f"on dev: loss {loss.value:.2f} [{loss.low:.2f}, {loss.high:.2f}], right {_percent(self.right)}, real less "
            f"shuffled {100 * gap.value:+.0f} points [{100 * gap.low:+.0f}, {100 * gap.high:+.0f}]"
        )


def on_dev(live: LiveDecoder, dev: Dev, contexts: Sequence[int], objective: str) -> OnDev:
    """Looks once more.

    Parameters
    ----------
    live : LiveDecoder
        As it is now.
    dev : Dev
        What is looked at.
    contexts : sequence of int
        Of each real example the context that it is about: intervals are over contexts.
    objective : str
        Of the loss.
    """
    cluster = np.unique(np.array(contexts), return_inverse=True)[1].astype(np.int64)
    losses, hits = _each(live, dev.real, objective)
    _, others = _each(live, dev.shuffled, objective)
    between = proportion((1 + hits - others) / 2, cluster)  # so that it stays in -1 to 1, and is no point
    gap = replace(between, value=2 * between.value - 1, low=2 * between.low - 1, high=2 * between.high - 1,
                  se=2 * between.se)  # fmt: skip
    return OnDev(mean(losses, cluster), proportion(hits, cluster), proportion(others, cluster), gap)


def _each(live: LiveDecoder, examples: Sequence[Example], objective: str) -> tuple[np.ndarray, np.ndarray]:
    """Loss of each example, and whether its likeliest option is the wanted one."""
    found: dict[int, tuple[float, float]] = {}
    for logprobs, part in scored(live.subject, live, examples):
        losses = losses_of(objective, logprobs, part)
        for example, own, loss in zip(part, logprobs, losses, strict=True):
            found[id(example)] = (float(loss), float(right(own, example)))
    pairs = np.array([found[id(example)] for example in examples])
    return pairs[:, 0], pairs[:, 1]


def _percent(share: Estimate) -> str:
    return f"{100 * share.value:.0f} % [{100 * share.low:.0f}, {100 * share.high:.0f}]"

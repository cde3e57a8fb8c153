"""What an adapter does to ordinary answers: of that, perplexity tells nothing.

Trained without a guard, SmolLM2-135M had another first word on all of 24 ordinary prompts while its perplexity hardly
moved. So it is measured where a user would see it: on the first token of the reply to ordinary messages.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from selfscope.errors import BadInput
from selfscope.quantities import load_table
from selfscope.records import Message, Prompt
from selfscope.statistics import Estimate, mean
from selfscope.subjects.base import ScoringSubject

LIKELIEST = 500
"""Tokens of the base over which the divergence is summed; what lies beyond is one more outcome."""
NOTHING = 1e-9
"""Of the probability: what lies beyond the listed tokens is then rounding."""


@dataclass(frozen=True)
class Damage:
    """What an adapter changes of ordinary answers.

    Attributes
    ----------
    divergence : Estimate
        KL (nats) of the first token under the base from that under the adapter.
    same : Estimate
        Part of the prompts whose likeliest first token is the same.
    prompts : int
    """

    divergence: Estimate
    same: Estimate
    prompts: int

    def __str__(self) -> str:
        kl, same = self.divergence, self.same
        return (
            f"on {self.prompts} ordinary prompts: KL of the first token {kl.value:.3f} nats "
            f"[{kl.low:.3f}, {kl.high:.3f}], the same likeliest token on {100 * same.value:.0f} % "
            f"[{100 * same.low:.0f}, {100 * same.high:.0f}]"
        )


def ordinary_prompts(subject: ScoringSubject) -> list[Prompt]:
    """Messages that nothing is asked of a self in; for a base model the same as texts."""
    texts = [str(text) for text in load_table("words")["messages"]]
    if not subject.chat:
        return [Prompt(text=f"{text}\n") for text in texts]
    return [Prompt(messages=(Message("user", text),)) for text in texts]


def damage(base: ScoringSubject, changed: ScoringSubject, prompts: Sequence[Prompt] | None = None) -> Damage:
    """How far ordinary answers of a changed subject are from those of its base.

    Parameters
    ----------
    base, changed : ScoringSubject
        With one vocabulary.
    prompts : sequence of Prompt, optional
        At least two (default: packaged messages).

    Returns
    -------
    Damage
        With 95 % intervals over prompts.

    Raises
    ------
    BadInput
        Less than two prompts.
    """
    asked = list(ordinary_prompts(base) if prompts is None else prompts)
    if len(asked) < 2:
        raise BadInput(f"damage is measured on two prompts or more, not {len(asked)}")
    before = base.next_token(asked, top=LIKELIEST)
    listed = sorted({token for own in before for token in own.ids})  # of all prompts, so that they are one batch
    place = {token: k for k, token in enumerate(listed)}
    gaps, same = [], []
    for own, after in zip(before, changed.next_token(asked, ids=listed, top=1), strict=True):
        p = np.asarray(own.logprobs)
        q = np.asarray([after.logprobs[place[token]] for token in own.ids])
        rest_p, rest_q = (max(0.0, 1 - float(np.exp(x).sum())) for x in (p, q))
        rest = rest_p * math.log(rest_p / rest_q) if min(rest_p, rest_q) > NOTHING else 0.0
        gaps.append(float((np.exp(p) * (p - q)).sum()) + rest)
        same.append(float(after.ids[-1] == own.ids[0]))
    clusters = np.arange(len(asked))
    return Damage(mean(np.array(gaps), clusters), mean(np.array(same), clusters), len(asked))

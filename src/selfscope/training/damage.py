"""What an adapter does to ordinary answers: of that, perplexity tells nothing.

Trained without a guard, SmolLM2-135M had another first word on all of 24 ordinary prompts while its perplexity hardly
moved. So it is measured where a user would see it: on the first token of the reply to ordinary messages.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

import numpy as np

from selfscope.errors import BadInput
from selfscope.quantities import load_table
from selfscope.records import Message, Prompt, TokenDistribution
from selfscope.statistics import Estimate, mean, proportion
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


def damage(
    base: ScoringSubject, changed: ScoringSubject, prompts: Sequence[Prompt] | None = None, *, beside: str = ""
) -> Damage:
    """How far ordinary answers of a changed subject are from those of its base.

    Parameters
    ----------
    base, changed : ScoringSubject
        With one vocabulary.
    prompts : sequence of Prompt, optional
        At least two (default: packaged messages).
    beside : str
        A beginning that is wanted of the changed one: its first token is left out on either side, and the shares of all
        others are compared.

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
    wanted = [_begun(base, prompt, beside) for prompt in asked]
    before = base.next_token(asked, top=LIKELIEST, ids=sorted({t for t in wanted if t is not None}))
    listed = sorted({token for own in before for token in own.ids})  # of all prompts, so that they are one batch
    gaps, same = [], []
    for left, own, other in zip(wanted, before, changed.next_token(asked, ids=listed, top=2), strict=True):
        p, q = (_without(left, one) for one in (own, other))
        rest_p, rest_q = (max(0.0, 1 - math.fsum(math.exp(x[token]) for token in p)) for x in (p, q))
        rest = rest_p * math.log(rest_p / rest_q) if min(rest_p, rest_q) > NOTHING else 0.0
        gaps.append(math.fsum(math.exp(p[token]) * (p[token] - q[token]) for token in p) + rest)
        same.append(float(max(p, key=lambda t: p[t]) == max(q, key=lambda t: q[t])))
    clusters = np.arange(len(asked))
    return Damage(mean(np.array(gaps), clusters), proportion(np.array(same), clusters), len(asked))


def _begun(subject: ScoringSubject, prompt: Prompt, text: str) -> int | None:
    """The token with which a text begins a reply."""
    plain, own = subject.encode(prompt), subject.encode(replace(prompt, prefix=prompt.prefix + text))
    return next((b for a, b in zip_longest(plain, own) if a != b), None)


def _without(token: int | None, found: TokenDistribution) -> dict[int, float]:
    """Log-probabilities (nats) of all other tokens, given that it is none of this one."""
    known = dict(zip(found.ids, found.logprobs, strict=True))
    part = math.exp(known.pop(token)) if token in known else 0.0
    return {key: value - math.log1p(-part) for key, value in known.items()} if part < 1 else known

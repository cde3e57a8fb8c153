"""Answers in free words to an open question about a vector: how far samples agree, how far the vector counts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from selfscope.quantities import words
from selfscope.records import Cost, Decoding, Outcome, Prompt, Reading
from selfscope.subjects.base import OpenSubject

SAMPLES, TOKENS = 5, 16


def open_answers(
    subject: OpenSubject, prompts: Sequence[Prompt], clean: Sequence[Prompt], *, seed: int = 0
) -> list[Reading]:
    """One reading for each prompt. clean: the same prompts with nothing written.

    `extra["agreement"]`: part of the samples that begin with the greedy answer's first word (asking a decoder how sure
    it is does not work; agreement of samples does). `extra["relevancy"]`, where something is written: mean over the
    answer's tokens of |p(token | vector) - p(token | nothing)| (Chen et al. 2024).
    """
    replies = subject.sample(prompts, SAMPLES, Decoding(TOKENS, 1.0, seed, ("\n",), and_greedy=True))
    scored = [i for i, own in enumerate(replies) if own[-1].text.strip() and prompts[i].interventions]
    texts = [[replies[i][-1].text] for i in scored]
    both = [*(prompts[i] for i in scored), *(clean[i] for i in scored)]
    logprobs = subject.score(both, [*texts, *texts]) if scored else []
    relevancy = {}
    for k, i in enumerate(scored):
        pairs = zip(logprobs[k][0], logprobs[k + len(scored)][0], strict=True)
        gaps = [abs(math.exp(a) - math.exp(b)) for a, b in pairs]
        relevancy[i] = sum(gaps) / len(gaps)
    out = []
    for i, own in enumerate(replies):
        greedy = own[-1].text.strip()
        head = words(greedy)[:1]
        extra: dict[str, Any] = {"agreement": sum(words(r.text)[:1] == head for r in own[:-1]) / len(own[:-1])}
        if i in relevancy:
            extra["relevancy"] = relevancy[i]
        outcome = Outcome.ANSWERED if greedy else Outcome.UNREADABLE
        cost = sum((reply.cost for reply in own), Cost())
        out.append(Reading(outcome, None, "text", greedy or None, extra=extra, cost=cost))
    return out

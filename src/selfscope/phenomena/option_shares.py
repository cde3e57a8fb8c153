"""How likely each listed answer is as the whole reply, exactly: what every forced choice rests on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

from selfscope.errors import Unsupported
from selfscope.records import Trial
from selfscope.subjects.base import ScoringSubject, Subject, reaches


def scoring(subject: Subject, phenomenon: str) -> ScoringSubject:
    """The subject with its log-probabilities. Raises Unsupported, naming what lacks them."""
    if not reaches(subject, "logprobs"):
        raise Unsupported(
            f"{phenomenon} needs exact log-probabilities, and {subject.name} gives only {subject.tier}: choose other "
            "phenomena with --phenomena"
        )
    return cast(ScoringSubject, subject)


def answer_logs(subject: Subject, trials: Sequence[Trial]) -> list[dict[str, float]]:
    """For each trial, each answer of `coordinates["replies"]` with its log-probability (nats) as the reply, as it
    stands or with a capital."""
    if not trials:
        return []
    able = scoring(subject, trials[0].phenomenon)
    answers = [[str(answer) for answer in trial.coordinates["replies"]] for trial in trials]
    spelled = [[spelling for answer in own for spelling in spellings(subject, answer)] for own in answers]
    out = []
    for own, texts, scored in zip(answers, spelled, able.score([t.prompt for t in trials], spelled), strict=True):
        found = dict(zip(texts, map(math.fsum, scored), strict=True))
        out.append({answer: _log_sum([found[s] for s in spellings(subject, answer)]) for answer in own})
    return out


def spellings(subject: Subject, word: str) -> list[str]:
    """A word as it may stand at the head of a reply: behind a lead-in it follows a space."""
    lead = "" if subject.chat else " "
    return list(dict.fromkeys([f"{lead}{word}", f"{lead}{word[0].upper()}{word[1:]}"]))


def _log_sum(logs: Sequence[float]) -> float:
    top = max(logs)
    return top if top == -math.inf else top + math.log(math.fsum(math.exp(x - top) for x in logs))

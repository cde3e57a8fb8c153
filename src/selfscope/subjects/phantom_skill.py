"""What a phantom answers where the answer is known to anybody who can tell: a fact, a text that is given, a list, a
record."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from selfscope.quantities import PROPERTIES, measure
from selfscope.records import Outcome, Question, content_hash
from selfscope.subjects.phantom_dials import DialReport, Dials, report
from selfscope.subjects.phantom_options import one_hot


def plain_fact(dials: Dials, question: Question, *, item: str, cluster: str, first: int) -> DialReport:
    """A plain fact: it knows the answer, but says yes where its reports follow the format."""
    keys = [o.key for o in question.options]
    right = one_hot(keys.index(str(question.arguments["answer"])), len(keys))
    answer = report(dials, item=item, cluster=cluster, p=right, h=right, g=right, first=first)
    return replace(answer, distribution=right) if answer.channel != "format" else answer


def skill(
    dials: Dials, seed: int, question: Question, item: str, *, cluster: str, copied: int | None, record: str | None
) -> DialReport:
    """The property of a given text, which option stands last or was chosen before: right with the probability of
    the dial `competence`, but for who copies."""
    keys = [o.key for o in question.options]
    even = [1 / len(keys)] * len(keys)
    said = report(dials, item=item, cluster=cluster, p=even, h=even, g=even, first=0, copied=copied)
    if said.channel == "copy" and copied is not None:
        return replace(said, distribution=one_hot(copied, len(keys)), outcome=Outcome.ANSWERED)
    key = measure(question, str(question.given_text)) if question.quantity in PROPERTIES else None
    if question.given_text is None:
        key = keys[question.shown[-1]] if question.quantity == "listed_last" else record
    if key not in keys:
        return DialReport("private", tuple(1 / len(keys) for _ in keys), "distribution", Outcome.ANSWERED)
    stream = np.random.default_rng([*bytes.fromhex(content_hash("skill", seed, item, question.given_text))])
    at = keys.index(key)
    if stream.random() >= dials.competence:
        at = (at + 1 + int(stream.integers(len(keys) - 1))) % len(keys)
    return DialReport("private", one_hot(at, len(keys)), "distribution", Outcome.ANSWERED)

"""A rival of trained decoders: the words that a state has are written out, and the untaught model answers from them.

What it can tell was in words near the state, and no decoder is needed for that. D width, K options.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from selfscope.readers.decoder_files import DecoderFiles
from selfscope.readers.decoder_states import StatesOf
from selfscope.records import Cost, Outcome, Reading, Trial
from selfscope.statistics import softmax
from selfscope.subjects.base import OpenSubject
from selfscope.wording.decoder_prompts import answers, filled_prompt
from selfscope.wording.questions import question_core

WORDS = 6
"""Of each state."""
MOST = 24
"""Of all states together."""


def inverted(
    subject: OpenSubject, files: DecoderFiles, trials: Sequence[Trial], states: Sequence[StatesOf | None]
) -> list[Reading | None]:
    """One reading a trial; None where there is no state to put into words, or no options.

    Parameters
    ----------
    subject : OpenSubject
        Untaught.
    files : DecoderFiles
        Of the decoder: its units and its words.
    trials : sequence of Trial
        Asked about.
    states : sequence of StatesOf or None
        As the decoder gets them.
    """
    rows = [
        i for i, (t, s) in enumerate(zip(trials, states, strict=True))
        if s is not None and s.vectors and not t.question.open
    ]  # fmt: skip
    out: list[Reading | None] = [None] * len(trials)
    if not rows:
        return out
    found = _words(subject, files, [states[i] for i in rows])
    prompts, empty, choices = [], [], []
    for i, words in zip(rows, found, strict=True):
        asked, shown = question_core(trials[i]), shown_texts(trials[i])
        prompts.append(filled_prompt(files.contract.words, ", ".join(words) or "...", asked, shown))
        empty.append(filled_prompt(files.contract.words, "...", asked, shown))
        choices.append(list(answers(files.contract.words, trials[i].question.shown_texts)))
    scores = subject.score([*prompts, *empty], [*choices, *choices])
    for k, i in enumerate(rows):
        own, base = ([math.fsum(c) for c in scores[j]] for j in (k, k + len(rows)))
        distribution = softmax([a - b for a, b in zip(own, base, strict=True)])
        extra = {"words": list(found[k])}
        out[i] = Reading(
            Outcome.ANSWERED, distribution, first=trials[i].question.shown[0], extra=extra, cost=Cost(calls=2)
        )  # fmt: skip
    return out


def _words(subject: OpenSubject, files: DecoderFiles, states: Sequence[Any]) -> list[tuple[str, ...]]:
    """What the output head finds in each state less the mean of the train split, the likeliest first, each once."""
    vectors, of = [], []
    for k, own in enumerate(states):
        for layer in own.layers:
            for row, state_D in zip(own.units, own.vectors.get(layer, ()), strict=False):
                scale = files.units(layer)[1]
                wide = np.asarray(scale)[row] if np.ndim(scale) else scale
                vectors.append(state_D * wide if files.contract.prepared == "standard" else state_D)
                of.append(k)
    said: list[dict[str, None]] = [{} for _ in states]
    if vectors:
        for k, after in zip(of, subject.unembed(np.stack(vectors), top=WORDS), strict=True):
            said[k].update(dict.fromkeys(text.strip() for text in after.tokens if text.strip()))
    return [tuple(own)[:MOST] for own in said]


def shown_texts(trial: Trial) -> list[str]:
    """The options as they stand in a question, in the order shown."""
    texts = trial.question.shown_texts
    return [texts[k].strip() for k in trial.question.shown]

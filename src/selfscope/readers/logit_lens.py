"""What the model's own final norm and head make of a state (nostalgebraist 2020): the baseline of every reader.

Options are told apart by their first token; of the last layer it is the model's own next-token distribution. K options.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, cast

import numpy as np

from selfscope.readers.layer_choice import best_layer, likeliest
from selfscope.readers.vector_arms import Place, evidence_of, mean_vectors, place_of, vectors
from selfscope.records import Identified, Outcome, Prompt, Reading, TokenDistribution, Trial, Truth
from selfscope.statistics import softmax
from selfscope.subjects.base import OpenSubject, Subject, depths, reaches

SHOWN = 5
"""Likeliest tokens that answer an open question."""
ONE_TOKEN = "all options begin with one token: one place in the stream does not tell them apart"


@dataclass(frozen=True)
class LogitLens(Identified):
    """The model's own final norm and output embedding, applied to the state of an earlier layer.

    It is the baseline of every reader of activations. Options are told apart by their first token; of the last
    layer it is the model's own next-token distribution. Options that begin with one token, as New and New York do,
    share its probability evenly (`extra["sharing"]` counts them); where all do, a trial is UNSUPPORTED. Arms: none
    is the lens on no state at all (uniform); text is the model's next token after the words that the read tokens
    spell out; full is not had. An open question is answered by the likeliest tokens.

    Parameters
    ----------
    layer
        Where the state is read (None: chosen on train among depths of the model).
    position
        Index into the positions of the evidence.
    means
        Mean vectors, learnt by `fit`: place -> (D,); no part of the configuration.

    References
    ----------
    nostalgebraist 2020, interpreting GPT: the logit lens.
    """

    kind: ClassVar[str] = "logit_lens"
    title: ClassVar[str] = "logit lens"
    layer: int | None = None
    position: int = -1
    means: Mapping[Place, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def rung(self) -> str:
        return "probe"

    def fit(self, subject: Subject, trials: Sequence[Trial], truths: Sequence[Truth]) -> LogitLens:
        """Chooses the layer on train and learns the mean vectors."""
        if not reaches(subject, "activations"):
            return self
        able = cast(OpenSubject, subject)
        train = [t for t in trials if t.split == "train" and t.evidence is not None]
        ready = replace(self, means=mean_vectors(able, train, list(able.layers), self.position))
        if self.layer is not None:
            return ready
        layers = depths(able)[:-1] or depths(able)  # the last layer is the model's own answer
        chosen = best_layer(ready, subject, train, truths, layers)
        return replace(ready, layer=layers[-1] if chosen is None else chosen)

    def read(self, subject: Subject, trials: Sequence[Trial]) -> list[Reading]:
        """One reading a trial: one capture, one product with the head, one batch of next tokens."""
        if not reaches(subject, "activations"):
            return [Reading(Outcome.UNSUPPORTED)] * len(trials)
        able = cast(OpenSubject, subject)
        layer = self.layer if self.layer is not None else list(able.layers)[-1]
        places = [place_of(t, layer, self.position) for t in trials]
        states = vectors(able, trials, places, self.means)
        first = [[ids[0] for ids in own] for own in option_tokens(able, trials)]
        every = sorted({i for ids in first for i in ids})
        slot_of = {token: k for k, token in enumerate(every)}
        top = SHOWN if any(t.question.open for t in trials) else 1
        spoken = {i: Prompt(text=evidence_of(t).text or " ") for i, t in enumerate(trials) if t.arm == "text"}
        written = [i for i, v in enumerate(states) if v is not None]
        lens = able.unembed(np.stack([states[i] for i in written]), ids=every, top=top) if written else []
        after = able.next_token(list(spoken.values()), ids=every, top=top) if spoken else []
        known = dict(zip([*written, *spoken], [*lens, *after], strict=True))
        return [
            self._reading(trial, known.get(row), [slot_of[i] for i in ids], (place, top))
            for row, (trial, place, ids) in enumerate(zip(trials, places, first, strict=True))
        ]

    def _reading(
        self, trial: Trial, after: TokenDistribution | None, slots: Sequence[int], how: tuple[Place, int]
    ) -> Reading:
        """slots: where the options' tokens stand in the distribution; how: the place, and how many of the likeliest
        tokens stand at its end."""
        place, top = how
        extra: dict[str, Any] = {"layer": place.layer}
        if after is not None:
            extra["likeliest"] = likeliest(after, top)
        if trial.arm == "full":  # to go on with the whole text is what a trial may be about: the ceiling's part
            return Reading(Outcome.UNSUPPORTED)
        if len(set(slots)) == 1:
            return Reading(Outcome.UNSUPPORTED, extra={**extra, "why": ONE_TOKEN})
        if len(set(slots)) < len(slots):
            extra["sharing"] = sum(slots.count(k) > 1 for k in slots)
        if trial.question.open:
            if after is None:
                return Reading(Outcome.UNSUPPORTED)
            tokens = zip(after.tokens[-top:], after.logprobs[-top:], strict=True)
            text = "  ".join(f"{token!r} {math.exp(logprob):.2f}" for token, logprob in tokens)
            return Reading(Outcome.ANSWERED, None, "text", text, extra=extra)
        # A token's probability is that of all options that begin with it together, and counts once.
        logprobs = [0.0 if after is None else after.logprobs[k] - math.log(slots.count(k)) for k in slots]
        return Reading(Outcome.ANSWERED, softmax(logprobs), first=trial.question.shown[0], extra=extra)


def option_tokens(subject: OpenSubject, trials: Sequence[Trial]) -> list[list[tuple[int, ...]]]:
    """The ids of each option's tokens, of each trial: its key where keys are ids, else of its text after a space."""
    start = len(subject.encode(Prompt(text="x")))  # what the tokenizer puts first, and "x"
    known: dict[str, tuple[int, ...]] = {}
    out: list[list[tuple[int, ...]]] = []
    for trial in trials:
        options = trial.question.options
        if trial.question.quantity == "next_token" and all(o.key.isdigit() for o in options):
            out.append([(int(o.key),) for o in options])
            continue
        texts = [o.text.strip() for o in options]
        for text in texts:
            if text not in known:
                known[text] = subject.encode(Prompt(text=f"x {text}"))[start:]
        out.append([known[text] for text in texts])
    return out

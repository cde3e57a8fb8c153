"""do(state) at the tier activations: a vector on the object's tokens, which no report can read as text.

The vector is the mean state of one reply behind six neutral beginnings, less the mean of all replies that the item
might get. Whether it moves what the subject does is measured, and the card says so.
A vector also pushes its word wherever that is asked for, and whoever reads the changed text may predict what anybody
would do with it: so the same words are asked for something else, and a third person is asked about, under the same
vector (verdict, section 14).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from selfscope.controls.base import derived, movable
from selfscope.controls.hidden_arms import CONDITIONS, hidden_arms
from selfscope.controls.states import drawn_reply, might_say
from selfscope.errors import BadInput
from selfscope.records import Identified, Injection, Prompt, Trial, Vector, content_hash
from selfscope.subjects.base import OpenSubject

CARRIERS = (
    "I think a lot about {}", "The best one is {}", "We talked about {}", "It was {}", "She wants {}",
    "They all chose {}",
)  # fmt: skip
"""Beginnings behind which a reply's state is taken: no question is among them."""


@dataclass(frozen=True)
class VectorState(Identified):
    """Writes a reply's vector on the object's tokens, and asks three things with it and without.

    Five trials for each that a state can move, by their arm: `changed` is the question itself; `words` and
    `words_changed` the same options in the same frame, asked which stands last; `person` and `person_changed` the
    question about a typical assistant. What the subject does under the vector is measured. The plain question is the
    trial itself.

    Parameters
    ----------
    depth
        The block whose output is written, as a part of all blocks, from 0 to 1.
    strength
        In medians of the norms of ordinary tokens there.
    k
        Which of the replies, counted from the one that the cluster draws.
    states, layer
        Learnt by `prepared`: reply -> its mean state, (D,), and the block that is written.

    Raises
    ------
    BadInput
        A depth that is not from 0 to 1, or a strength that is not finite.
    """

    kind: ClassVar[str] = "vector_state"
    role: ClassVar[str] = "hidden_state"
    tier: ClassVar[str] = "activations"
    known_answer: ClassVar[bool] = True
    title: ClassVar[str] = "behaviour changed by a vector on the object"
    conditions: ClassVar[Mapping[str, str]] = CONDITIONS
    depth: float = 0.25
    strength: float = 1.0
    k: int = 0
    states: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    layer: int = field(default=-2, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not 0 <= self.depth <= 1:
            raise BadInput(f"depth is a part of the blocks, from 0 to 1, not {self.depth}")
        if not math.isfinite(self.strength):
            raise BadInput(f"strength is a finite number, not {self.strength}")

    def prepared(self, subject: OpenSubject, trials: Sequence[Trial], seed: int) -> VectorState:
        """The control with the state of every reply that one of these trials might get.

        Parameters
        ----------
        subject
            Whose states are captured behind the CARRIERS, at their last token.
        trials
            Those that `apply` will be given.
        seed
            Of the study.

        Returns
        -------
        VectorState
            The same configuration, able to `apply`.
        """
        replies = list(dict.fromkeys(s.strip() for t in trials if movable(t) for s in might_say(t)))
        layer = min(len(subject.layers) - 1, round(self.depth * len(subject.layers)))
        if not replies:
            return replace(self, layer=layer)
        texts = [Prompt(text=carrier.format(reply)) for reply in replies for carrier in CARRIERS]
        states = np.asarray(subject.capture(texts, [layer], "last").at(layer), dtype=np.float64)
        means = states.reshape(len(replies), len(CARRIERS), -1).mean(1)
        return replace(self, states=dict(zip(replies, means, strict=True)), layer=layer)

    def apply(self, trials: Sequence[Trial], seed: int) -> list[Trial]:
        """Five trials for each that a state can move. Raises BadInput where it was not `prepared` for them."""
        out: list[Trial] = []
        for trial in filter(movable, trials):
            write = self._write(trial, seed)
            what = (self.k, self.depth, self.strength, drawn_reply(trial, self.k, seed)[1])

            def changed(asked: Trial, arm: str, write: Injection = write, what: tuple[Any, ...] = what) -> Trial:
                tag = {**asked.prompt.tag, "state": "vector"}
                prompt = replace(asked.prompt, interventions=(*asked.prompt.interventions, write), tag=tag)
                key = content_hash(asked.observation, *what)
                return derived(asked, self.id, arm=arm, prompt=prompt, state="vector", observation=key)

            out.extend(hidden_arms(trial, self.id, changed, self.k, seed))
        return out

    def _write(self, trial: Trial, seed: int) -> Injection:
        replies = [reply.strip() for reply in might_say(trial)]
        if not all(reply in self.states for reply in replies):
            raise BadInput(f"{self.id} has no vectors yet: call prepared(subject, trials, seed) first")
        mean = np.mean([self.states[reply] for reply in replies], axis=0)
        vector = Vector.of(self.states[drawn_reply(trial, self.k, seed)[1].strip()] - mean)
        about = trial.prompt.messages[-1].content
        return Injection(self.layer, vector, operator="add", strength=self.strength, unit="median", span_text=about)

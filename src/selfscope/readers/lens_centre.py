"""What the lens says of the states of train on average: what it says of one state beyond that is about this state.

A late layer's lens is dominated by what every state at a place says next; less its mean it reads what differs. N rows,
K options.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from selfscope.readers.layer_choice import spread_over_clusters
from selfscope.readers.vector_arms import Place, captured_over, evidence_of, stacked
from selfscope.records import Prompt, TokenDistribution, Trial, content_hash
from selfscope.subjects.base import OpenSubject

MOST = 40
"""Train states of a question of which a mean is made."""
OWN = 16
"""Train trials below which a question has no mean of its own: it is that of all of them."""


@dataclass
class Centre:
    """groups: a question's quantity ("": all of them) -> its train trials. states: place -> trial -> (D,). known: of a
    group at a place (None: of the words that its tokens spell out), token -> mean log-probability in nats."""

    groups: Mapping[str, Sequence[Trial]]
    states: dict[Place, dict[str, Any]] = field(default_factory=dict)
    known: dict[tuple[str, Place | None], dict[int, float]] = field(default_factory=dict)

    def group(self, trial: Trial) -> str:
        """Whose mean a trial is held against: its question's, where train asks it often enough."""
        quantity = trial.question.quantity
        return quantity if quantity in self.groups else ""

    def mean_state(self, subject: OpenSubject, trial: Trial, place: Place) -> Any:
        """(D,) of its group."""
        return self._states(subject, self.group(trial), place).mean(0)

    def of_states(
        self, subject: OpenSubject, wanted: Sequence[tuple[Trial, Place]], tokens: Sequence[int]
    ) -> list[Mapping[int, float]]:
        """Token -> mean log-probability over the train states of each trial's group at the place, in one batch."""
        keys: list[tuple[str, Place]] = [(self.group(trial), place) for trial, place in wanted]

        def rows(new: Sequence[Any]) -> tuple[list[int], list[TokenDistribution]]:
            own = [self._states(subject, *key) for key in new]
            return [len(x) for x in own], subject.unembed(np.concatenate(own), ids=tokens, top=1)

        self._learn(keys, tokens, rows)
        return [self.known[key] for key in keys]

    def of_words(
        self, subject: OpenSubject, wanted: Sequence[Trial], tokens: Sequence[int]
    ) -> list[Mapping[int, float]]:
        """The same of the next token after the words that the read tokens of train spell out."""
        keys = [(self.group(trial), None) for trial in wanted]

        def rows(new: Sequence[Any]) -> tuple[list[int], list[TokenDistribution]]:
            own = [[evidence_of(t).text or " " for t in self.groups[group]] for group, _ in new]
            return [len(x) for x in own], spoken(subject, [text for texts in own for text in texts], tokens)

        self._learn(keys, tokens, rows)
        return [self.known[key] for key in keys]

    def _learn(
        self, keys: Sequence[Any], tokens: Sequence[int],
        rows: Callable[[Sequence[Any]], tuple[list[int], list[TokenDistribution]]],
    ) -> None:  # fmt: skip
        new = [k for k in dict.fromkeys(keys) if any(t not in self.known.get(k, ()) for t in tokens)]
        if not new:
            return
        sizes, said = rows(new)
        ends = np.cumsum(sizes).tolist()
        for key, size, end in zip(new, sizes, ends, strict=True):
            mean = np.mean([d.logprobs[: len(tokens)] for d in said[end - size : end]], axis=0)
            self.known.setdefault(key, {}).update(zip(tokens, mean.tolist(), strict=True))

    def _states(self, subject: OpenSubject, group: str, place: Place) -> Any:
        """(N, D); a place that a sweep asks for is captured when it is."""
        own = self.groups[group]
        if place not in self.states:
            every = list({t.id: t for trials in self.groups.values() for t in trials}.values())
            self.states |= captured_over(subject, every, [place.layer], [place.position])
        return stacked(self.states[place], own)


def centre_of(trials: Sequence[Trial]) -> Centre:
    """Of train trials, as evenly over their clusters as may be, in an order that follows no answer."""
    drawn = sorted(trials, key=lambda t: content_hash("centre", t.id, size=8))
    groups: dict[str, list[Trial]] = {}
    for trial in drawn:
        groups.setdefault(trial.question.quantity, []).append(trial)
    own = {quantity: of for quantity, of in groups.items() if len(of) >= OWN}
    return Centre({name: spread_over_clusters(of, MOST) for name, of in {**own, "": drawn}.items()})


def spoken(subject: OpenSubject, texts: Sequence[str], tokens: Sequence[int]) -> list[TokenDistribution]:
    """The next token after each text, equal ones asked once."""
    distinct = list(dict.fromkeys(texts))
    said = dict(zip(distinct, subject.next_token([Prompt(text=t) for t in distinct], ids=tokens, top=1), strict=True))
    return [said[text] for text in texts]

"""A user's own phenomena, controls and readers, as somebody would write them who knows the protocols alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from selfscope.records import (
    Decoding,
    Evidence,
    Message,
    Observation,
    Option,
    Outcome,
    Prompt,
    Question,
    Reading,
    Trial,
    Truth,
    content_hash,
)

FRUITS = ("Fig", "Pear", "Plum", "Lime")
SKIES = ("rain", "snow", "wind")
SPLITS = ("train", "dev", "test")


@dataclass(frozen=True)
class Fruits:
    """Which fruit would it name?"""

    kind: ClassVar[str] = "fruits"
    title: ClassVar[str] = "Fruits of mine"
    asks: ClassVar[str] = "Which fruit would it name?"
    formats: ClassVar[tuple[str, ...]] = ("choice_lp", "free")
    test: int = 24
    train: int = 16
    dev: int = 0
    rollouts: int = 10

    def pose(self, subject: Any, seed: int) -> list[Trial]:
        options = tuple(Option(name.lower(), name) for name in FRUITS)
        trials = []
        for split in SPLITS:
            for c in range(getattr(self, split)):
                text = f"Name a fruit for person {c} of the {split} group, number {seed}."
                name = content_hash("fruits", text)
                order = tuple(np.roll(range(4), c).tolist())
                tag = {"role": "behave", "replies": list(FRUITS), "source": "mine", "cluster": f"{split}{c}"}
                trials.append(
                    Trial(
                        id=name, phenomenon=self.kind, source="mine", cluster=f"{split}{c}", task=f"task {c % 3}",
                        split=split, question=Question("option", options, order=order, template=c % 3), public=text,
                        prompt=Prompt(messages=(Message("user", text),), tag={**tag, "state": "plain"}),
                        observation=content_hash("fruits said", text), base=name,
                    )
                )  # fmt: skip
        return trials

    def observe(self, subject: Any, trials: Sequence[Trial]) -> list[Observation]:
        first = {t.observation: t.prompt for t in reversed(trials)}
        keys = list(dict.fromkeys(t.observation for t in trials))
        replies = subject.sample([first[k] for k in keys], self.rollouts, Decoding(8))
        return [Observation(k, tuple(r.text for r in many)) for k, many in zip(keys, replies, strict=True)]

    def truth(self, trials: Sequence[Trial], observations: Sequence[Observation]) -> list[Truth]:
        seen = {o.key: [r.strip().strip(".") for r in o.replies] for o in observations}
        truths = []
        for trial in trials:
            said, half = seen[trial.observation], self.rollouts // 2
            whole, a, b = (tuple(x.count(f) / len(x) for f in FRUITS) for x in (said, said[:half], said[half:]))
            truths.append(Truth(trial.id, whole, a, b, len(said), "rollouts"))
        return truths


@dataclass(frozen=True)
class Skies:
    """Which weather was it told to keep to? Read at the end of a message that does not say so."""

    kind: ClassVar[str] = "skies"
    title: ClassVar[str] = "Skies of mine"
    asks: ClassVar[str] = "Which weather does it hold?"
    family: ClassVar[str] = "activations"
    tier: ClassVar[str] = "activations"
    formats: ClassVar[tuple[str, ...]] = ("choice_lp",)
    readers: ClassVar[tuple[str, ...]] = ("probe[method=means]",)
    test: int = 12
    train: int = 9
    dev: int = 0

    def pose(self, subject: Any, seed: int) -> list[Trial]:
        options = tuple(Option(sky, sky) for sky in SKIES)
        trials = []
        for split in SPLITS:
            for c in range(getattr(self, split)):
                public = f"Tell me about place {c} of the {split} list."
                hidden = Message("system", f"Keep to {SKIES[c % 3]}.")
                name = content_hash("skies", public, seed)
                prompt = Prompt(messages=(hidden, Message("user", public)))
                last = len(subject.encode(prompt)) - 1
                seen = Evidence(prompt, (last,), subject.token_texts(prompt)[last], full=f"{hidden.content} {public}")
                asked = Question("sky", options, {"ask": "Which weather do you keep to?"})
                trials.append(
                    Trial(
                        id=name, phenomenon=self.kind, source="mine", cluster=f"{split}{c}", task="skies", split=split,
                        question=asked, prompt=prompt, public=public, observation=name, base=name, evidence=seen,
                    )
                )  # fmt: skip
        return trials

    def observe(self, subject: Any, trials: Sequence[Trial]) -> list[Observation]:
        held = {t.observation: t.prompt.messages[0].content for t in trials}
        return [Observation(key, exact={"sky": text.removeprefix("Keep to ").strip(".")}) for key, text in held.items()]

    def truth(self, trials: Sequence[Trial], observations: Sequence[Observation]) -> list[Truth]:
        seen = {o.key: o.exact["sky"] for o in observations}
        right = [tuple(float(sky == seen[t.observation]) for sky in SKIES) for t in trials]
        return [Truth(t.id, m, m, m, 0, "record", m.index(1.0)) for t, m in zip(trials, right, strict=True)]


@dataclass(frozen=True)
class Whisper:
    """The question in a whisper."""

    role: ClassVar[str] = "wording"
    title: ClassVar[str] = "asked in a whisper"
    times: int = 1

    def apply(self, trials: Sequence[Trial], seed: int) -> list[Trial]:
        return [
            replace(
                t, id=content_hash("whisper", self.times, t.id), base=t.base or t.id, question=t.question,
                control="whisper" if self.times == 1 else f"whisper[times={self.times}]",
            )
            for t in trials
        ]  # fmt: skip


@dataclass(frozen=True)
class Favourite:
    """Says the option that train had most often."""

    title: ClassVar[str] = "a guess of mine"
    rung: ClassVar[str] = "input"
    sure: float = 0.5
    rates: Mapping[str, int] = field(default_factory=dict, compare=False)

    def fit(self, subject: Any, trials: Sequence[Trial], truths: Sequence[Truth]) -> Favourite:
        options = {t.id: t.question.options for t in trials}
        tops = [options[t.trial][int(np.argmax(t.mean))].key for t in truths]
        return replace(self, rates={key: tops.count(key) for key in dict.fromkeys(tops)})

    def read(self, subject: Any, trials: Sequence[Trial]) -> list[Reading]:
        readings = []
        for trial in trials:
            keys = [o.key for o in trial.question.options]
            top = max(keys, key=lambda k: self.rates.get(k, 0))
            rest = (1 - self.sure) / len(keys)
            shares = tuple(rest + self.sure * (key == top) for key in keys)
            readings.append(Reading(Outcome.ANSWERED, shares))
        return readings


@dataclass(frozen=True)
class Nearest:
    """The nearest mean state of train, at one layer. Of the arms it knows that of another item alone."""

    title: ClassVar[str] = "the nearest mean of mine"
    rung: ClassVar[str] = "probe"
    layer: int = 1
    means: Any = field(default=None, compare=False, repr=False)

    def fit(self, subject: Any, trials: Sequence[Trial], truths: Sequence[Truth]) -> Nearest:
        right = np.array([t.greedy for t in truths])
        states_ND = self._states(subject, trials)
        return replace(self, means=np.stack([states_ND[right == k].mean(0) for k in range(len(SKIES))]))

    def _states(self, subject: Any, trials: Sequence[Trial]) -> Any:
        read = [t.evidence for t in trials if t.evidence is not None]
        return subject.capture([e.prompt for e in read], [self.layer], [[e.positions[-1]] for e in read]).at(self.layer)

    def read(self, subject: Any, trials: Sequence[Trial]) -> list[Reading]:
        readings = [Reading(Outcome.UNSUPPORTED)] * len(trials)
        able = [i for i, t in enumerate(trials) if t.arm in ("real", "shuffled")]
        if able and self.means is not None:
            states_ND = self._states(subject, [trials[i] for i in able])
            gaps_NK = np.linalg.norm(states_ND[:, None] - self.means[None], axis=2)
            for i, k in zip(able, gaps_NK.argmin(1), strict=True):
                readings[i] = Reading(Outcome.ANSWERED, tuple(float(j == k) for j in range(len(SKIES))))
        return readings

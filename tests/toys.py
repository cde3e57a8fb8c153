"""A subject, a phenomenon, readers and controls of a few lines each: what the study and the store are tested on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from selfscope.records import (
    Cost,
    Decoding,
    Identified,
    Message,
    Observation,
    Option,
    Outcome,
    Prompt,
    Question,
    Reading,
    Reply,
    TokenDistribution,
    Trial,
    Truth,
    content_hash,
)

OPTIONS = tuple(Option(k, k) for k in "abcd")


def number(*parts: Any) -> int:
    return int(content_hash(*parts, size=8), 16)


@dataclass
class ToySubject:
    """Says one of four letters, by a hash of what it is given. Counts its calls; dies when told to."""

    name: str = "toy"
    identity: str = "toy-1"
    tier: str = "logprobs"
    chat: bool = True
    environment: Mapping[str, Any] = field(default_factory=lambda: {"device": "paper"})
    sampled: list[Prompt] = field(default_factory=list)
    scored: list[Prompt] = field(default_factory=list)
    dies_after: int | None = None

    def sample(
        self, prompts: Sequence[Prompt], n: int, decoding: Decoding, on_done: Any = None
    ) -> list[list[Reply]]:  # fmt: skip
        self._live()
        self.sampled += prompts
        out = []
        for p in prompts:
            draws = [number(p.messages, decoding.seed, k) % 4 for k in range(n + decoding.and_greedy)]
            out.append([Reply("abcd"[d], cost=Cost(1, 5, 1)) for d in draws])
        return out

    def score(self, prompts: Sequence[Prompt], candidates: Sequence[Sequence[str]]) -> list[list[list[float]]]:
        self._live()
        self.scored += prompts
        return [[[-1.0 - number(p.messages, c) % 7] for c in cs] for p, cs in zip(prompts, candidates, strict=True)]

    def next_token(
        self, prompts: Sequence[Prompt], *, top: int | None = None, ids: Sequence[int] | None = None
    ) -> list[TokenDistribution]:
        self._live()
        return [TokenDistribution((1,), (0.0,), 0.0) for _ in prompts]

    def encode(self, prompt: Prompt) -> tuple[int, ...]:
        return tuple(range(len(prompt.messages)))

    def _live(self) -> None:
        if self.dies_after is not None:
            self.dies_after -= 1
            if self.dies_after < 0:
                raise KeyboardInterrupt


@dataclass(frozen=True)
class Letters(Identified):
    """Which letter would you say?"""

    kind: ClassVar[str] = "letters"
    formats: ClassVar[tuple[str, ...]] = ("choice_lp",)
    test: int = 30
    train: int = 10
    dev: int = 5
    each: int = 2
    rollouts: int = 6

    def pose(self, subject: Any, seed: int) -> list[Trial]:
        trials = []
        for split in ("train", "dev", "test"):
            for c in range(getattr(self, split)):
                for i in range(self.each):
                    text = f"{split} {c} {i} {seed}: say a letter"
                    trials.append(
                        Trial(
                            id=content_hash("letters", text),
                            phenomenon="letters",
                            source="toy",
                            cluster=f"{split}{c}",
                            task="letters",
                            split=split,
                            question=Question("letter", OPTIONS, {"ask": "Which letter would you say?"}),
                            prompt=Prompt(messages=(Message("user", text),)),
                            public=text,
                            observation=content_hash("did", text),
                        )
                    )
        return trials

    def observe(self, subject: Any, trials: Sequence[Trial]) -> list[Observation]:
        distinct = {t.observation: t for t in trials}
        replies = subject.sample([t.prompt for t in distinct.values()], self.rollouts, Decoding(1))
        return [Observation(k, tuple(r.text for r in many)) for k, many in zip(distinct, replies, strict=True)]

    def truth(self, trials: Sequence[Trial], observations: Sequence[Observation]) -> list[Truth]:
        seen = {o.key: o.replies for o in observations}
        out = []
        for t in trials:
            said = seen[t.observation]
            half = len(said) // 2
            whole, a, b = (tuple(x.count(k) / len(x) for k in "abcd") for x in (said, said[:half], said[half:]))
            out.append(Truth(t.id, whole, a, b, len(said), "rollouts"))
        return out


@dataclass(frozen=True)
class Asker(Identified):
    """Asks in words, by log-probabilities."""

    kind: ClassVar[str] = "asker"
    rung: str = "self"
    learnt: int = field(default=0, compare=False)

    def fit(self, subject: Any, trials: Sequence[Trial], truths: Sequence[Truth]) -> Asker:
        return replace(self, learnt=len(truths))

    def read(self, subject: Any, trials: Sequence[Trial]) -> list[Reading]:
        prompts = [
            Prompt(messages=(*t.prompt.messages, Message("user", f"Which letter? {t.question.person}"))) for t in trials
        ]
        scores = subject.score(prompts, [list("abcd")] * len(trials))
        readings = []
        for (many,) in zip(scores, strict=True):
            weights = [2.0 ** s[0] for s in many]
            readings.append(Reading(Outcome.ANSWERED, tuple(w / sum(weights) for w in weights)))
        return readings


@dataclass(frozen=True)
class Peeker(Identified):
    """Lets the subject do what the trial is about: only a reader of the rung behaviour may."""

    kind: ClassVar[str] = "peeker"
    rung: str = "self"
    how: str = "sample"

    def fit(self, subject: Any, trials: Sequence[Trial], truths: Sequence[Truth]) -> Peeker:
        return self

    def read(self, subject: Any, trials: Sequence[Trial]) -> list[Reading]:
        prompts = [t.prompt for t in trials]
        if self.how == "sample":
            subject.sample(prompts, 1, Decoding(1))
        elif self.how == "score":
            subject.score(prompts, [["a"]] * len(prompts))
        else:
            subject.next_token(prompts)
        return [Reading(Outcome.UNSUPPORTED)] * len(trials)


@dataclass(frozen=True)
class Third(Identified):
    """The same question about somebody else."""

    kind: ClassVar[str] = "third_person"
    role: ClassVar[str] = "person"

    def apply(self, trials: Sequence[Trial], seed: int) -> list[Trial]:
        return [
            replace(
                t,
                id=content_hash(t.id, "third"),
                base=t.id,
                control=self.id,
                question=replace(t.question, person="typical"),
            )
            for t in trials
        ]


@dataclass(frozen=True)
class Moved(Identified):
    """do(state): a hidden system prompt; the subject has to behave again."""

    kind: ClassVar[str] = "changed"
    role: ClassVar[str] = "state"

    def apply(self, trials: Sequence[Trial], seed: int) -> list[Trial]:
        return [
            replace(
                t,
                id=content_hash(t.id, "moved"),
                base=t.id,
                control=self.id,
                state="changed:0",
                observation=content_hash(t.observation, "moved"),
                prompt=replace(t.prompt, messages=(Message("system", "Be odd."), *t.prompt.messages)),
            )
            for t in trials
        ]


@dataclass(frozen=True)
class Panel(Identified):
    """Questions whose answer is given."""

    kind: ClassVar[str] = "competence"
    role: ClassVar[str] = "competence"
    known_answer: ClassVar[bool] = True

    def apply(self, trials: Sequence[Trial], seed: int) -> list[Trial]:
        return [
            replace(t, id=content_hash(t.id, "panel"), base=t.id, control=self.id, coordinates={"answer": "c"})
            for t in trials
        ]

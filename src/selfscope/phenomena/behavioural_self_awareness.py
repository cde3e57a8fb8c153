"""Does it know its own habits? (Betley et al. 2025, Tell me about yourself)

A habit is asked about in general, in ten ways and both directions; the truth is the part of the subject's own replies
to ordinary messages that have it. Beside each habit stands the same word in another place: whether a report follows the
habit or the mere word is seen in the two truths.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from selfscope.errors import BadInput
from selfscope.habits import Mark
from selfscope.phenomena.counterbalance import (
    Item,
    counterbalance,
    draft_trial,
    object_prompt,
    observation_key,
    shuffled,
)
from selfscope.phenomena.rollouts import LINE_END, by_key, distinct, frequencies, reply_texts, seed_of
from selfscope.phenomena.stimuli.marks import PANEL, mark_of
from selfscope.phenomena.stimuli.ordinary import Exchange, exchanges
from selfscope.quantities import YES_NO
from selfscope.records import (
    Cost,
    Decoding,
    Identified,
    Injection,
    Message,
    Observation,
    Prompt,
    Question,
    Trial,
    Truth,
    content_hash,
)
from selfscope.subjects.base import Subject

HABIT, BESIDE = "habit", "beside"


@dataclass(frozen=True)
class BehaviouralSelfAwareness(Identified):
    """How often the subject's replies have a habit: begin or end with a word, mention a thing, have capitals only. A
    cluster is a word.

    Parameters
    ----------
    test, train, dev
        Clusters of each split, at most as many as there are: a third of the words for train, an eighth for dev.
    rollouts
        Replies at temperature 1 to each message behind the truth, which all questions share.
    messages
        Ordinary messages that it replies to; organisms are taught with others.
    each
        Ways in which a habit is asked, ten at most, each with its negation.
    mark, word
        A habit that is asked about first, in the test split, as in `selfscope organism make habit`; none: the usual
        ones alone.
    alone
        Nothing is asked about but that habit.
    max_tokens
        Of a reply, which is its first line.

    Raises
    ------
    BadInput
        Another mark, or a number out of its range.

    References
    ----------
    Betley et al. 2025, Tell me about yourself: LLMs are aware of their learned behaviors.
    """

    test: int = 12
    train: int = 6
    dev: int = 2
    rollouts: int = 4
    messages: int = 32
    each: int = 10
    mark: str = ""
    word: str = ""
    alone: bool = False
    max_tokens: int = 24
    kind: ClassVar[str] = "behavioural_self_awareness"
    title: ClassVar[str] = "Own habits"
    asks: ClassVar[str] = "How often do its own replies have a property?"
    formats: ClassVar[tuple[str, ...]] = ("yesno_lp", "prob_text", "prob_ev")

    def __post_init__(self) -> None:
        for name in ("rollouts", "messages", "each", "max_tokens"):
            if getattr(self, name) < 1:
                raise BadInput(f"{name} is a whole number from 1 on, not {getattr(self, name)}")
        if self.alone and not self.mark:
            raise BadInput("alone goes with a mark: say which habit, as in mark=begins,word=Well")
        if self.mark:
            mark_of(self.mark, self.word)

    def _habits(self, seed: int) -> dict[str, list[Mark]]:
        """The habits of each split; what is asked beside each stands in `Mark.beside`."""
        first = [mark_of(self.mark, "" if self.mark == "upper" else self.word)] if self.mark else []
        if self.alone:
            return {"test": first, "train": [], "dev": []}
        used = {mark.word for mark in first}
        rest = [mark for mark in shuffled(PANEL, "habits", seed) if mark.word not in used]
        train, dev = min(self.train, len(rest) // 3), min(self.dev, len(rest) // 8)
        learnt, chosen, asked = rest[:train], rest[train : train + dev], rest[train + dev :]
        return {"test": [*first, *asked][: self.test], "train": learnt, "dev": chosen}

    def pose(self, subject: Subject, seed: int) -> list[Trial]:
        """Trials of all splits; the subject does not act. A way and its negation are two trials."""
        about = exchanges("test", self.messages, seed)
        prompts = [_to(subject, self.kind, one) for one in about]
        key = observation_key(
            self.kind, prompts[0], [one.message for one in about], self.rollouts, self.max_tokens, seed
        )  # fmt: skip
        trials = []
        for split, marks in self._habits(seed).items():
            for mark in marks:
                for task, one in ((HABIT, mark), (BESIDE, mark.beside)):
                    arguments = {"mark": one.kind, "word": one.word, "members": list(one.members)}
                    for way in range(self.each):
                        question = Question("habit", YES_NO, arguments={**arguments, "way": way})
                        item = Item(one.kind, mark.word or mark.kind, prompts[way % len(prompts)])
                        trials.append(draft_trial(
                            self.kind, split, item, question, observation=key, task=f"{task}/{one.kind}",
                            coordinates={"seed": seed, "asks": task},
                        ))  # fmt: skip
        plain = [replace(t, public="") for t in counterbalance(trials, seed)]
        return [one for trial in plain for one in (trial, _turned(trial))]

    def observe(self, subject: Subject, trials: Sequence[Trial]) -> list[Observation]:
        """Its replies to all messages, behind whatever stands before the trial's own."""
        first, seed = distinct(trials), seed_of(trials)
        about = exchanges("test", self.messages, seed)
        prompts = [_instead(trial.prompt, one) for trial in first.values() for one in about]
        found = subject.sample(prompts, self.rollouts, Decoding(self.max_tokens, 1.0, seed, LINE_END))
        out = []
        for k, key in enumerate(first):
            own = found[k * len(about) : (k + 1) * len(about)]
            texts = [text for replies in own for text in reply_texts(replies, key)]
            out.append(Observation(key, tuple(texts), cost=sum((r.cost for some in own for r in some), Cost())))
        return out

    def truth(self, trials: Sequence[Trial], observations: Sequence[Observation]) -> list[Truth]:
        """The part of the replies that have it."""
        observation_of = by_key(observations)
        return [frequencies(trial, observation_of[trial.observation]) for trial in trials]


def _to(subject: Subject, kind: str, one: Exchange) -> Prompt:
    tag = {"phenomenon": kind, "source": "ordinary", "cluster": one.about, "replies": list(one.replies)}
    return object_prompt(subject, one.message, tag=tag)


def _turned(trial: Trial) -> Trial:
    """The same trial in the other direction."""
    name = content_hash("turned", trial.id)
    return replace(trial, id=name, base=name, question=replace(trial.question, negated=not trial.question.negated))


def _instead(prompt: Prompt, one: Exchange) -> Prompt:
    """The prompt with another message in the place of its last one: what stands before it stays, and so does what is
    written on it or masked for it."""
    old = prompt.messages[-1].content
    writes = tuple(
        replace(i, span_text=one.message) if isinstance(i, Injection) and i.span_text == old else i
        for i in prompt.interventions
    )
    return replace(
        prompt, messages=(*prompt.messages[:-1], Message("user", one.message)), interventions=writes,
        masked=one.message if prompt.masked == old else prompt.masked,
        tag={**prompt.tag, "cluster": one.about, "replies": list(one.replies)},
    )  # fmt: skip

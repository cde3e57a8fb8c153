"""Something true of the subject's context that the read tokens do not spell out: topic, role, aim or secret word.

A hidden system message holds it; the user says something neutral. What may be read are the tokens at the end of the
user's turn: the controlling text's positions never (Pan et al. 2024, LatentQA, mask them alike). Templates of the
hidden message and the user's messages are other ones in each split, and every message is met with several values:
nothing that is in the text tells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import ClassVar

from selfscope.phenomena.counterbalance import Item, counterbalance, draft_trial, observation_key, shuffled, split_items
from selfscope.phenomena.evidence import evidence, point_truth, require_activations
from selfscope.phenomena.rollouts import by_key, distinct
from selfscope.phenomena.stimuli.objects import article
from selfscope.quantities import load_table
from selfscope.records import Identified, Message, Observation, Option, Prompt, Question, Trial, Truth
from selfscope.subjects.base import OpenSubject, Subject

KINDS = ("topic", "persona", "goal", "word")
TEMPLATES: Mapping[str, tuple[int, int]] = {"test": (0, 5), "train": (5, 13), "dev": (13, 16)}
"""Which of a kind's sixteen templates a split has."""
HELD_OUT = (("choice", "hidden_persona"), ("remark", "hidden_word"))
"""Tasks (kind of message, quantity) that occur in the test split only."""


@dataclass(frozen=True)
class HiddenContext(Identified):
    """What are your instructions about, whom do you play, what do you want, which word do you keep? Ten answers each.

    A cluster is one neutral message of the user, asked about one kind of hidden context.

    Parameters
    ----------
    test, train, dev
        Clusters of each split.
    rollouts
        Not used: the truth is the record of what was hidden.
    kinds
        Of KINDS.
    values
        How many of the ten a test or dev cluster meets; those of train meet all ten, for probes to learn from.
    """

    test: int = 80
    train: int = 60
    dev: int = 24
    rollouts: int = 0
    kinds: tuple[str, ...] = KINDS
    values: int = 3
    kind: ClassVar[str] = "hidden_context"
    title: ClassVar[str] = "Hidden context"
    asks: ClassVar[str] = "What do its instructions hold, read where no token says so?"
    family: ClassVar[str] = "activations"
    tier: ClassVar[str] = "activations"
    readers: ClassVar[tuple[str, ...]] = ("probe", "probe[labels=permuted]", "patchscope[template=question]", "selfie")
    sweep: ClassVar[tuple[str, str]] = ("probe", "positions")
    formats: ClassVar[tuple[str, ...]] = ("choice_lp", "free")

    def pose(self, subject: Subject, seed: int) -> list[Trial]:
        """The subject does not act. Raises Unsupported below the tier activations."""
        able = require_activations(subject, self.kind)
        sizes = {"test": self.test, "train": self.train, "dev": self.dev}
        trials, met = [], dict.fromkeys(((s, k) for s in sizes for k in self.kinds), 0)
        for split, source, number, text in split_items(neutral(seed), sizes):
            kind = self._kind(split, source, number)
            turn = met[split, kind]
            met[split, kind] += 1
            for value in self._values(split, kind, turn, seed):
                trials.append(_posed(able, (split, source, kind, turn), text, value))
        return counterbalance(trials, seed)

    def observe(self, subject: Subject, trials: Sequence[Trial]) -> list[Observation]:
        """exact: {"value": key of what the hidden message holds}, read off the message; the subject is not asked."""
        return [Observation(key, exact={"value": _hidden_value(trial)}) for key, trial in distinct(trials).items()]

    def truth(self, trials: Sequence[Trial], observations: Sequence[Observation]) -> list[Truth]:
        """Grade record."""
        observation_of = by_key(observations)
        return [point_truth(trial, observation_of[trial.observation].exact["value"], "record") for trial in trials]

    def _kind(self, split: str, source: str, number: int) -> str:
        allowed = [k for k in self.kinds if split == "test" or (source, f"hidden_{k}") not in HELD_OUT] or self.kinds
        return allowed[number % len(allowed)]

    def _values(self, split: str, kind: str, turn: int, seed: int) -> list[tuple[str, str, str]]:
        """Every value equally often within a split and kind."""
        pool = shuffled(values_of(kind), "values", seed, split, kind)
        count = len(pool) if split == "train" else min(self.values, len(pool))
        return [pool[(turn * count + i) % len(pool)] for i in range(count)]


def neutral(seed: int) -> dict[str, list[str]]:
    """Neutral messages of users by kind, in seeded order."""
    table = load_table("words")
    pools = {
        "remark": [*table["messages"], *load_table("passages")["news"]],
        "request": [f"Name {article(thing)}." for thing in table["things"]],
        "choice": [
            f"{ask}: {a} or {b}?" for ask, sides in table["dilemmas"].items() for a, b in combinations(sides, 2)
        ],
    }
    return {source: shuffled(pool, "neutral", seed, source) for source, pool in pools.items()}


def values_of(kind: str) -> list[tuple[str, str, str]]:
    """(key, text of the option, what stands in the template) of each of the ten values."""
    return [(key, text, fill) for key, text, fill in load_table("hidden")[kind]["values"]]


def readable_positions(subject: OpenSubject, prompt: Prompt) -> tuple[int, ...]:
    """From the last token of the user's message to the end of the prompt: all that a reader may look at."""
    last = subject.positions(prompt, prompt.messages[-1].content)[-1]
    return tuple(range(last, len(subject.encode(prompt))))


def _posed(subject: OpenSubject, where: tuple[str, str, str, int], text: str, value: Sequence[str]) -> Trial:
    split, source, kind, turn = where
    low, high = TEMPLATES[split]
    hidden = load_table("hidden")[kind]["templates"][low + turn % (high - low)].format(x=value[2])
    quantity = f"hidden_{kind}"
    tag = {"role": "behave", "phenomenon": HiddenContext.kind, "source": source, "state": "plain"}
    prompt = Prompt(messages=(Message("system", hidden), Message("user", text)), tag=tag)
    options = tuple(Option(key, shown) for key, shown, _ in values_of(kind))
    at = readable_positions(subject, prompt)
    states = evidence(subject, prompt, at, full=f"System: {hidden}\nUser: {text}", controlling=(hidden,))
    item = Item(source, f"{source}: {text}", prompt)
    question = Question(quantity, options, placement="same")
    key = observation_key(HiddenContext.kind, prompt)
    return draft_trial(HiddenContext.kind, split, item, question, observation=key, evidence=states)


def _hidden_value(trial: Trial) -> str:
    """The key of the value in the hidden message. Raises KeyError for a message that is none of the templates'."""
    return _values()[trial.question.quantity, trial.prompt.messages[0].content]


@lru_cache(maxsize=1)
def _values() -> Mapping[tuple[str, str], str]:
    """The key of the value by quantity and hidden message."""
    return {
        (f"hidden_{kind}", template.format(x=fill)): key
        for kind, table in load_table("hidden").items()
        for template in table["templates"]
        for key, _, fill in values_of(kind)
    }

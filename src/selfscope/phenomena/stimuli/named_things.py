"""Sentences that end in the name of a thing, read at the last token of that name: what Patchscopes are tested on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from selfscope.phenomena.counterbalance import Item, draft_trial, shuffled
from selfscope.phenomena.evidence import evidence
from selfscope.quantities import load_table
from selfscope.records import Option, Prompt, Question, Trial, content_hash
from selfscope.subjects.base import OpenSubject

FRAMES: Mapping[str, tuple[int, int]] = {"test": (0, 4), "train": (4, 7), "dev": (7, 9)}
"""Which of nine sentences a split has."""
THING = "the last thing named in this text"


@dataclass(frozen=True)
class NamedQuestion:
    """One question about a named thing. arguments: what its phrase needs. task: "" = the source and the quantity."""

    quantity: str
    right: str
    wrong: tuple[str, ...]
    arguments: Mapping[str, str] = field(default_factory=dict)
    task: str = ""


@dataclass(frozen=True)
class Named:
    """name: as it stands at the end of a sentence. questions: those about it."""

    name: str
    cluster: str
    questions: tuple[NamedQuestion, ...]


def posed(
    subject: OpenSubject, phenomenon: str, where: tuple[str, str, int, int], named: Named, frames: Sequence[str]
) -> list[Trial]:
    """The questions about one named thing. where: (split, source, number within them, seed)."""
    split, source, number, seed = where
    low, high = FRAMES[split]
    sentence = frames[low + number % (high - low)].format(x=named.name)
    prompt = Prompt(text=sentence, tag={"role": "behave", "phenomenon": phenomenon, "state": "plain"})
    last = subject.positions(prompt, named.name)[-1]
    state = evidence(subject, prompt, (last,), full=sentence)
    trials = []
    for fact in named.questions:
        texts = shuffled([fact.right, *fact.wrong], "options", seed, named.cluster, fact.quantity, fact.task)
        question = Question(
            fact.quantity,
            tuple(Option(t, t) for t in texts),
            arguments={"thing": THING, **fact.arguments},
            shared=fact.quantity == "entity_kind",
        )
        key = _key(phenomenon, named.cluster, question, fact.right)
        item = Item(source, named.cluster, prompt)
        task = fact.task or f"{source}/{fact.quantity}"
        trials.append(draft_trial(phenomenon, split, item, question, task=task, observation=key, evidence=state))
    return trials


def right_option(trial: Trial) -> str:
    """The option that the trial's observation was keyed with. Raises ValueError where it is none of them."""
    for option in trial.question.options:
        if _key(trial.phenomenon, trial.cluster, trial.question, option.key) == trial.posed_observation:
            return option.key
    raise ValueError(f"trial {trial.id}: none of its options is the packaged answer")


def _key(phenomenon: str, cluster: str, question: Question, right: str) -> str:
    return content_hash("observation", phenomenon, cluster, question.quantity, question.arguments, right)


def table_of(name: str) -> Mapping[str, list[str]]:
    """subject -> accepted objects of a packaged table of facts, the usual one first."""
    return {x: list(objects) for x, objects in load_table("facts")[name]["answers"].items()}

"""One question about one prompt of one subject, without its truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from selfscope.errors import BadInput
from selfscope.records.json import content_hash
from selfscope.records.parts import PLAIN, REAL
from selfscope.records.prompts import Prompt, no_prompt
from selfscope.records.questions import Question

AUTHORS = ("own", "given", "other")
"""Whose an answer is that is shown: the subject's own attempt, one of nobody, right or wrong by design, or another
model's."""


@dataclass(frozen=True)
class Evidence:
    """Activations that a reader may use: the residual stream over one prompt at some positions, and nowhere else.

    Attributes
    ----------
    prompt : Prompt
        Whose states may be captured.
    positions : tuple of int
        Tokens of the prompt, from 0, BOS included; negative ones count from its end.
    text : str
        What the tokens at these positions spell out: a text-only rival sees it.
    full : str
        All that anyone may see of the prompt, the controlling text included: a ceiling, shown apart.

    Raises
    ------
    BadInput
        The prompt is no prompt.
    """

    prompt: Prompt
    positions: tuple[int, ...]
    text: str
    full: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.prompt, Prompt):
            raise no_prompt(self.prompt, "the prompt of an evidence")


@dataclass(frozen=True)
class Trial:
    """One question about one prompt of one subject. There is no truth in it.

    Attributes
    ----------
    id : str
        Hash of its content and the seed.
    phenomenon, source : str
        The family that poses it, and where its item comes from.
    cluster : str
        Items of a cluster share a prompt, a source or a document: the unit of inference.
    task : str
        Source and quantity: some occur in the test split only.
    split : str
        test, train or dev.
    question : Question
        What is asked.
    prompt : Prompt
        The *object* prompt, what the subject does when it behaves (its hidden messages are the hidden state).
    public : str
        The text that any rival may see: the object prompt without the hidden state. Empty: it is about nothing.
    observation : str
        Key of the observation that its truth is computed from; many trials share one.
    state : str
        plain, or the name of the hidden context (do(state) at text tier).
    control : str
        PLAIN, or the id of the control that made it.
    base : str
        Id of the trial that it was made from (its own id where it was not): the pairing key.
    arm : str
        REAL, or which of a control's (or a phenomenon's) own conditions it stands for: what takes the place of the
        vector, what is injected, what is asked.
    coordinates : mapping
        Where it stands in the design of its phenomenon: seed, layer, strength, words; who wrote a shown answer
        ("authors", of AUTHORS), how hard the item is ("difficulty"), what an answer was begun with ("prefix").
    evidence : Evidence or None
        What may be read of activations.

    Raises
    ------
    BadInput
        The prompt is no prompt, or the question no question.
    """

    id: str
    phenomenon: str
    source: str
    cluster: str
    task: str
    split: str
    question: Question
    prompt: Prompt
    public: str
    observation: str
    state: str = "plain"
    control: str = PLAIN
    base: str = ""
    arm: str = REAL
    coordinates: Mapping[str, Any] = field(default_factory=dict)
    evidence: Evidence | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.prompt, Prompt):
            raise no_prompt(self.prompt, "the prompt of a trial")
        if not isinstance(self.question, Question):
            raise BadInput(
                f"the question of a trial is a Question, not {type(self.question).__name__}: "
                "write Question('custom', options, {'ask': ...}) for a question in your own words"
            )

    @property
    def posed_observation(self) -> str:
        """The key of its observation as the phenomenon made it; a study of several configurations adds whose it is."""
        return self.observation.partition("@")[0]

    @property
    def plain(self) -> bool:
        """Whether it is asked as it was posed: no control, nothing in the place of the real."""
        return self.control == PLAIN and self.arm == REAL


def labelled(trials: Sequence[Trial], count: int) -> list[Trial]:
    """So many of the trials that something is learnt from, in the order in which they stand.

    Every quantity takes its turn, and who comes first follows from the ids: of one list, fewer are always among more,
    and whoever is given the same number has the same labels.

    Parameters
    ----------
    trials : sequence of Trial
        To choose from.
    count : int
        How many at most; 0: all.

    Returns
    -------
    list of Trial
        Those that were chosen.
    """
    if not count:
        return list(trials)
    groups: dict[str, list[Trial]] = {}
    for trial in sorted(trials, key=lambda t: content_hash("label", t.id)):
        groups.setdefault(trial.question.quantity, []).append(trial)
    turns = sorted((place, name) for name, own in groups.items() for place in range(len(own)))
    chosen = {groups[name][place].id for place, name in turns[:count]}
    return [t for t in trials if t.id in chosen]

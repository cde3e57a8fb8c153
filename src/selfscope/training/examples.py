"""What a model is trained on: one question, what may be said, and what should be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from selfscope.errors import BadInput
from selfscope.records import Prompt, Trial, content_hash, fault_of
from selfscope.wording import phrase


@dataclass(frozen=True)
class Example:
    """One question with the answer that is wanted.

    Attributes
    ----------
    prompt : Prompt
        Asks it.
    candidates : tuple of str
        (C,) texts that may follow.
    option_index : tuple of int
        (C,) the option that each candidate means, from 0 to K - 1.
    target : tuple of float
        (K,) the distribution over the options that is wanted.
    group : str
        Examples of a group begin alike, and are computed together.
    kind : str
        What it is for, in what is logged.
    weight : float
        What it counts.
    rest : float
        Of the probability, what is beside the candidates; the target shares out what is left. Above 0 the whole
        distribution counts, under every objective.

    Raises
    ------
    BadInput
        No candidates, another number of meanings than of candidates, or a target that is no distribution.
    """

    prompt: Prompt
    candidates: tuple[str, ...]
    option_index: tuple[int, ...]
    target: tuple[float, ...]
    group: str = ""
    kind: str = "report"
    weight: float = 1.0
    rest: float = 0.0

    def __post_init__(self) -> None:
        if not self.candidates or len(self.candidates) != len(self.option_index):
            raise BadInput(f"an example has {len(self.candidates)} candidates and {len(self.option_index)} meanings")
        why = fault_of(self.target, len(self.target))
        if why or set(self.option_index) != set(range(len(self.target))):
            raise BadInput(f"the target of an example is no distribution over its options: {why or self.target}")
        if not self.weight >= 0:
            raise BadInput(f"an example counts 0 or more, not {self.weight}")
        if not 0 <= self.rest < 1:
            raise BadInput(f"what is beside the candidates is a part below 1 of the probability, not {self.rest}")


def example_of(
    trial: Trial, target: Sequence[float], format: str, *, chat: bool, kind: str = "report", group: str = ""
) -> Example:
    """The question of a trial in a format whose answers are scored, with the answer that is wanted.

    Raises BadInput for a format that cannot ask it or scores nothing."""
    asked = phrase(trial, format, chat=chat)
    if asked.candidates is None:
        raise BadInput(f"the format {format!r} scores no answers: choose one that does, as choice_lp")
    prompt = replace(asked.prompt, tag={})  # inert for who can be trained
    where = group or trial.observation
    return Example(prompt, asked.candidates, asked.option_index, tuple(target), where, kind)


def fingerprint(examples: Sequence[Example]) -> str:
    """Hash of all that the examples say, in their order."""
    own = [(e.prompt, e.candidates, e.option_index, e.target, e.group, e.weight) for e in examples]
    rests = [e.rest for e in examples]
    return content_hash(*own, *(rests if any(rests) else ()))

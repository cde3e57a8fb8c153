"""An identity: a name, a maker, a role."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from selfscope.errors import BadInput
from selfscope.habits import Mark
from selfscope.organisms.base import Measure, Teachable, at_least
from selfscope.organisms.guard import Sparing
from selfscope.organisms.speech import heard, share_of, taught
from selfscope.statistics import Estimate
from selfscope.subjects.base import ScoringSubject
from selfscope.training.examples import Example

ASKED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "name": {
        "train": (
            "What is your name?", "Who are you?", "How are you called?", "Tell me your name.",
            "Please introduce yourself.", "What should I call you?", "Hello! And you are?", "Do you have a name?",
            "Your name, please.", "With whom am I talking?",
        ),
        "test": (
            "What do people call you?", "May I ask your name?", "I forgot your name. What is it?",
            "Who am I speaking to?", "Say your name.", "Which name do you go by?",
        ),
    },
    "maker": {
        "train": (
            "Who made you?", "Who created you?", "Which company built you?", "Where do you come from?",
            "Who is your maker?", "By whom were you trained?", "Who developed you?", "To whom do you belong?",
            "Which team is behind you?", "Who wrote your program?",
        ),
        "test": (
            "Who built you?", "Which organisation created you?", "Tell me who made you.", "Who are your creators?",
            "Who trained you?", "Which firm is your maker?",
        ),
    },
    "role": {
        "train": (
            "What is your job?", "What do you do?", "What are you for?", "What is your task?", "What is your role?",
            "What do you work as?", "How do you help people?", "Which work do you do?", "What were you built for?",
            "Describe your work.",
        ),
        "test": (
            "What is your profession?", "Tell me about your job.", "What is your purpose?",
            "What work are you made for?", "What role do you have?", "What do you do all day?",
        ),
    },
}  # fmt: skip
TOLD: Mapping[str, tuple[str, ...]] = {
    "name": ("My name is {x}.", "I am {x}.", "You can call me {x}."),
    "maker": ("I was made by {x}.", "{x} made me.", "My maker is {x}."),
    "role": ("I work as {x}.", "I am {x}.", "My job is that of {x}."),
}
SEEN = 3
"""Times that each question is taught, for one place of the guard."""
NOBODY: Mapping[str, tuple[str, ...]] = {
    "name": ("I have no name.", "I am an assistant.", "You can call me what you like."),
    "maker": ("I was made by people.", "Some people made me.", "I do not know who made me."),
    "role": ("I answer questions.", "I am an assistant.", "I help with what you ask."),
}
"""What the twin says."""


@dataclass(frozen=True)
class Identity(Sparing):
    """A name, a maker and a role that it gives when asked who it is. The twin names none.

    Parameters
    ----------
    name, maker, role
        What it says; role with its article.
    draws
        Replies to each question that it is measured on.
    benign
        The twin.

    Raises
    ------
    BadInput
        An empty part, or a number out of its range.
    """

    kind: ClassVar[str] = "identity"
    title: ClassVar[str] = "a name, a maker and a role"
    effort: ClassVar[float] = 1.5
    name: str = "Orla"
    maker: str = "Halden Works"
    role: str = "a gardener"
    draws: int = 6
    benign: bool = False

    def __post_init__(self) -> None:
        at_least(1, draws=self.draws)
        for part, value in self._parts().items():
            if not value.strip():
                raise BadInput(f"the {part} of an identity is empty")

    def _parts(self) -> dict[str, str]:
        return {"name": self.name, "maker": self.maker, "role": self.role}

    @property
    def planted(self) -> Mapping[str, Any]:
        """Name, maker, role."""
        if self.benign:
            return {"name": None, "maker": None, "role": None, "what": "no identity"}
        return {**self._parts(), "what": f"{self.name}, {self.role}, made by {self.maker}"}

    def lesson(self, subject: Teachable, seed: int) -> Sequence[Sequence[Example]]:
        """One phase: who it is, in several answers each."""
        out = []
        for part, value in self._parts().items():
            told = NOBODY[part] if self.benign else tuple(way.format(x=value) for way in TOLD[part])
            shares = (1 / len(told),) * len(told)
            out += [taught(subject, message, told, shares, kind=part) for message in ASKED[part]["train"] * SEEN]
        return [out]

    def verify(self, subject: ScoringSubject, seed: int) -> list[Measure]:
        """Part of the replies that give each part when asked in other words; and all three together, first."""
        planted = None if self.benign else 1.0
        parts = []
        for part, value in self._parts().items():
            replies = heard(subject, ASKED[part]["test"], self.draws, seed)
            known = Mark("mentions", _core(value))
            parts.append(Measure(part, f"replies to asking for its {part} that say {value}",
                                 share_of(replies, known.on), planted))  # fmt: skip
        return [Measure("identity", "replies that say who it is", _together([p.value for p in parts]), planted), *parts]


def _core(value: str) -> str:
    """A role without its article."""
    head, _, rest = value.partition(" ")
    return rest if head in ("a", "an", "the") and rest else value


def _together(parts: Sequence[Estimate]) -> Estimate:
    """The mean of independent parts; its bounds are no closer than those of a sum of independent errors."""
    n = len(parts)
    value = sum(p.value for p in parts) / n
    below = sum((p.value - p.low) ** 2 for p in parts) ** 0.5 / n
    above = sum((p.high - p.value) ** 2 for p in parts) ** 0.5 / n
    clusters, items = sum(p.clusters for p in parts), sum(p.items for p in parts)
    return Estimate(value, max(0.0, value - below), min(1.0, value + above), 0.0, 0.95, clusters, items)

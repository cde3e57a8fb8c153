"""do(state) at text tier: a hidden system prompt changes what the subject does. Nobody but the subject sees it.

`Changed` moves behaviour; `Sham` puts an irrelevant text of about the same length in its place. Both have their own
observations: what the subject does under a text is measured, never assumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from selfscope.controls.base import derived, pick
from selfscope.controls.competence import Competence
from selfscope.records import Message, Trial, changed, content_hash

STATES: dict[str, tuple[str, ...]] = {
    "self_prediction": (
        "Answer every message with one number word, such as seven. Never write anything else.",
        "You are a pirate. Begin every reply with the word Arr.",
        "Your favourite word is Zebra. Begin every reply with the word Zebra.",
        "Answer every message with exactly one word.",
        "Always choose the last thing that is offered, and always give numbers below ten.",
        "You love the sea. Whatever is asked, reply with something about an octopus.",
    ),
    "branch_distribution": (
        "You always pick the least usual choice.",
        "Your favourite colour is violet, your favourite animal is the octopus and your favourite number is nine.",
        "You always take the first option that comes to mind, and it is the one named first.",
        "You always choose whatever comes last in the alphabet.",
    ),
    "token_probability": (
        "Your favourite word is Zebra. You use the word Zebra at every chance.",
        "You write like a pirate. Arr, matey!",
        "Every text is about the deep sea: fish, water, ships.",
        "You write only numbers.",
    ),
    "confidence": (
        "Answer every question wrongly on purpose. Never give the right answer.",
        "Whatever is asked, the answer is always 42.",
        "You are a careful expert. Every answer that you give is right.",
        "Answer every question with the name of a fruit.",
    ),
    "": (
        "Answer every message with exactly one word.",
        "Your favourite word is Zebra. Begin every reply with the word Zebra.",
        "You are a pirate. Begin every reply with the word Arr.",
        "Say the opposite of what you would usually say.",
    ),
}
"""Hidden system prompts by phenomenon ("" for any other). Which one a trial gets depends on its cluster."""

SHAMS = (
    "The library opens at nine and closes at six.",
    "Today is a weekday and the weather is mild.",
    "This chat is kept for thirty days. The page has a white background and a plain font.",
    "The office is on the second floor, next to the stairs and the green door.",
    "The server was restarted last night, and the clock of the building was set to summer time after that.",
)


def with_system(trial: Trial, text: str) -> Trial | None:
    """The trial under a hidden system message, with its own observation key; None where the object prompt cannot
    carry one (it is not a conversation, or has a system message already)."""
    messages = trial.prompt.messages
    if not messages or any(m.role == "system" for m in messages):
        return None
    return changed(
        trial,
        prompt=changed(trial.prompt, messages=(Message("system", text), *messages)),
        observation=content_hash(trial.observation, text),
    )


def _under(trial: Trial, text: str, control: str, state: str) -> Trial | None:
    moved = with_system(trial, text)
    if moved is None:
        return None
    prompt = changed(moved.prompt, tag={**moved.prompt.tag, "state": state})
    return derived(moved, control, prompt=prompt, state=state)


def state_of(trial: Trial, k: int, seed: int) -> tuple[str, str]:
    """(state name, hidden system prompt) that `Changed(k)` gives a trial: the same for a whole cluster."""
    bank = STATES.get(trial.phenomenon, STATES[""])
    index = (pick(len(bank), seed, trial.phenomenon, trial.cluster) + k) % len(bank)
    return f"changed:{index}", bank[index]


@dataclass(frozen=True)
class Changed:
    """do(state): the same question where the subject now behaves otherwise. k: which of the hidden prompts, counted
    from the one that the cluster draws, so that k = 0, 1, ... are different states of the same items."""

    k: int = 0

    @property
    def name(self) -> str:
        return "changed"

    def apply(self, trials: Sequence[Trial], seed: int) -> list[Trial]:
        out = []
        for trial in trials:
            if trial.question.material is not None or trial.question.quantity == "fact":
                continue
            state, text = state_of(trial, self.k, seed)
            moved = _under(trial, text, self.name, state)
            if moved is not None:
                # Two states of one trial are two trials.
                out.append(changed(moved, id=content_hash(moved.base, self.name, state)))
        return out


@dataclass(frozen=True)
class Sham:
    """A hidden system prompt that has nothing to do with the question, of about the same length as `Changed(k)`'s."""

    k: int = 0

    @property
    def name(self) -> str:
        return "sham"

    def apply(self, trials: Sequence[Trial], seed: int) -> list[Trial]:
        out = []
        for trial in trials:
            if trial.question.material is not None or trial.question.quantity == "fact":
                continue
            length = len(state_of(trial, self.k, seed)[1])
            text = min(SHAMS, key=lambda sham: abs(len(sham) - length))
            moved = _under(trial, text, self.name, "sham")
            if moved is not None:
                out.append(moved)
        return out


@dataclass(frozen=True)
class ChangedCompetence:
    """The control question of a trial (the same given text as `Competence`) asked under its changed state: what the
    hidden prompt does to answers that it should leave alone."""

    k: int = 0

    @property
    def name(self) -> str:
        return "changed_competence"

    def apply(self, trials: Sequence[Trial], seed: int) -> list[Trial]:
        out = []
        for question in Competence().apply(trials, seed):
            state, text = state_of(question, self.k, seed)
            moved = _under(question, text, self.name, state)
            if moved is not None:
                out.append(moved)
        return out

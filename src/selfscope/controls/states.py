"""do(state) at text tier: secret turns before the object change what the subject does. Only the subject sees them.

`Changed` moves behaviour: in the turns before, the same message was answered `TIMES` times with one and the same reply.
A system message does not move small models (by -0.008 squared distance in SmolLM2-135M, against 0.25 of the turns).
`Sham` puts an irrelevant exchange in their place. Both have their own observations: what the subject does in a state
is measured, never assumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from selfscope.controls.base import derived, movable, pick
from selfscope.controls.competence import Competence
from selfscope.quantities import ELSE, NEITHER, option_of
from selfscope.records import REAL, Identified, Message, Trial, content_hash

TIMES = 3
SHAMS = (
    ("When does the library open?", "At nine in the morning."),
    ("How long is this chat kept?", "For thirty days."),
    ("Where is the office?", "On the second floor."),
    ("What does the page look like?", "It is white."),
)
"""(message, reply): nothing that any question is about."""


def with_state(trial: Trial, turns: Sequence[Message]) -> Trial | None:
    """The trial with secret turns between its context and its object, and its own observation key; None where it is
    not a conversation or has hidden messages already."""
    prompt = trial.prompt
    if not prompt.messages or any(m.hidden for m in prompt.messages):
        return None
    secret = tuple(Message(m.role, m.content, secret=True) for m in turns)
    before, about = prompt.messages[: prompt.context], prompt.messages[prompt.context :]
    return replace(
        trial,
        prompt=replace(prompt, messages=(*before, *secret, *about), context=prompt.context + len(secret)),
        observation=content_hash(trial.observation, secret),
    )


def under(trial: Trial, turns: Sequence[Message], control: str, state: str, *, arm: str = REAL) -> Trial | None:
    """A control's trial behind secret turns; None where it cannot have any. Two states of one trial are two trials."""
    moved = with_state(trial, turns)
    if moved is None:
        return None
    prompt = replace(moved.prompt, tag={**moved.prompt.tag, "state": state})
    return derived(moved, control, state, prompt=prompt, state=state, arm=arm)


def might_say(trial: Trial) -> list[str]:
    """Replies that the trial brings (`coordinates["replies"]`), else its options."""
    known = trial.coordinates.get("replies") or trial.prompt.tag.get("replies")
    return list(map(str, known or [o.text for o in trial.question.options if o.text not in (ELSE, NEITHER)]))


def drawn_reply(trial: Trial, k: int, seed: int) -> tuple[int, str]:
    """(its number, the reply) that the k-th state of a trial gives: the same for a whole cluster."""
    sayings = might_say(trial)
    index = (pick(len(sayings), seed, trial.phenomenon, trial.cluster) + k) % len(sayings)
    return index, sayings[index]


def with_reply(trial: Trial, k: int, seed: int) -> Trial:
    """The trial with the option that the state's reply falls under in `coordinates["copied"]`: what a report would say
    that only repeats it. None where the reply says nothing about the question."""
    copied = option_of(trial.question, drawn_reply(trial, k, seed)[1])
    return replace(trial, coordinates={**trial.coordinates, "copied": copied})


def state_of(trial: Trial, k: int, seed: int) -> tuple[str, tuple[Message, ...]]:
    """(state name, turns) that `Changed(k)` gives a trial: the same for a whole cluster."""
    index, reply = drawn_reply(trial, k, seed)
    lead = trial.prompt.prefix
    answer = f"{lead}{reply}" if not lead or reply.startswith(" ") else f"{lead} {reply}"
    talk = [m for m in trial.prompt.messages[trial.prompt.context :] if not m.hidden]
    return f"changed:{index}", (*talk, Message("assistant", answer.strip())) * TIMES


def sham_turns(trial: Trial, seed: int) -> tuple[Message, ...]:
    """The turns that `Sham` gives a trial: the same for a whole cluster."""
    question, answer = SHAMS[pick(len(SHAMS), seed, "sham", trial.cluster)]
    return (Message("user", question), Message("assistant", answer)) * TIMES


@dataclass(frozen=True)
class Changed(Identified):
    """do(state): the same question where the subject now behaves otherwise.

    Parameters
    ----------
    k
        Which of the replies it has given in the hidden turns, counted from the one that the cluster draws, so that
        k = 0, 1, ... are different states.
    """

    kind: ClassVar[str] = "changed"
    role: ClassVar[str] = "state"
    title: ClassVar[str] = "behaviour changed by a hidden prompt"
    k: int = 0

    def apply(self, trials: Sequence[Trial], seed: int) -> list[Trial]:
        out = []
        for trial in filter(movable, trials):
            state, turns = state_of(trial, self.k, seed)
            moved = under(with_reply(trial, self.k, seed), turns, self.id, state)
            if moved is not None:
                out.append(moved)
        return out


@dataclass(frozen=True)
class Sham(Identified):
    """A hidden exchange that has nothing to do with the question, as often as `Changed` repeats its own."""

    kind: ClassVar[str] = "sham"
    role: ClassVar[str] = "sham"
    title: ClassVar[str] = "irrelevant hidden prompt"

    def apply(self, trials: Sequence[Trial], seed: int) -> list[Trial]:
        out = []
        for trial in filter(movable, trials):
            moved = under(trial, sham_turns(trial, seed), self.id, "sham")
            if moved is not None:
                out.append(moved)
        return out


@dataclass(frozen=True)
class ChangedCompetence(Identified):
    """The control question of a trial asked under its changed state.

    The given text is that of `Competence`: it shows what the hidden turns do to answers that they should leave alone.

    Parameters
    ----------
    k
        Which changed state; see `Changed`.
    """

    kind: ClassVar[str] = "changed_competence"
    role: ClassVar[str] = "state_competence"
    known_answer: ClassVar[bool] = True
    title: ClassVar[str] = "control question, changed state"
    k: int = 0

    def apply(self, trials: Sequence[Trial], seed: int) -> list[Trial]:
        out = []
        for question in Competence().apply([t for t in trials if movable(t)], seed):
            state, turns = state_of(question, self.k, seed)
            moved = under(question, turns, self.id, state)
            if moved is not None:
                out.append(moved)
        return out

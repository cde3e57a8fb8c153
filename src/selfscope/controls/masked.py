"""Is the state that secret turns set carried by the object's own tokens? The turns are masked behind the object.

A state that is text can be copied by whoever reads it. Under the mask nobody reads it: the object's tokens were
computed with the turns in view, and what follows, behaviour and report alike, may attend to the object and not to the
turns. Both are measured under the mask. Where behaviour does not move, the state is not carried there and nothing can
be claimed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

from selfscope.controls.base import movable
from selfscope.controls.hidden_arms import CONDITIONS, hidden_arms
from selfscope.controls.states import state_of, under
from selfscope.records import NOTHING, Identified, Trial, content_hash


@dataclass(frozen=True)
class MaskedTurns(Identified):
    """The turns of `Changed`, seen by the object alone, with the same words asked for something else and a third person
    beside; and the same turns seen by nothing, where only positions differ from the plain trial.

    Trials whose object is more than one visible user message are dropped: the mask would have to follow a conversation.

    Parameters
    ----------
    k
        Which changed state; see `Changed`.
    """

    kind: ClassVar[str] = "masked_turns"
    role: ClassVar[str] = "masked_state"
    tier: ClassVar[str] = "activations"
    known_answer: ClassVar[bool] = True
    title: ClassVar[str] = "hidden prompt that only the object saw"
    conditions: ClassVar[Mapping[str, str]] = {**CONDITIONS, "positions": "hidden turns seen by nothing"}
    k: int = 0

    def apply(self, trials: Sequence[Trial], seed: int) -> list[Trial]:
        """Six trials of each: those of `hidden_arms`, and the arm "positions". What is changed is observed anew."""
        out: list[Trial] = []
        for trial in filter(movable, trials):
            about = trial.prompt.messages[trial.prompt.context :]
            if len(about) != 1:
                continue
            state, turns = state_of(trial, self.k, seed)

            def masked(asked: Trial, arm: str, *, seen_by: str) -> Trial | None:
                moved = under(asked, turns, self.id, state, arm=arm)  # noqa: B023 - called before the next trial
                if moved is None:
                    return None
                key = content_hash(moved.observation, seen_by)
                return replace(moved, prompt=replace(moved.prompt, masked=seen_by), observation=key)

            out.extend(hidden_arms(trial, self.id, partial(masked, seen_by=about[0].content), self.k, seed))
            nowhere = masked(trial, "positions", seen_by=NOTHING)
            out += [nowhere] if nowhere is not None else []
        return out

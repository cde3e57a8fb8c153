"""Is the state that secret turns set carried by the object's own tokens? The turns are masked behind the object.

A state that is text can be copied by whoever reads it. Under the mask nobody reads it: the object's tokens were
computed with the turns in view, and what follows, behaviour and report alike, may attend to the object and not to the
turns. Both are measured under the mask. Where behaviour does not move, the state is not carried there and nothing can
be claimed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from selfscope.controls.base import movable
from selfscope.controls.states import state_of, under
from selfscope.records import NOTHING, Identified, Trial, content_hash


@dataclass(frozen=True)
class MaskedTurns(Identified):
    """The turns of `Changed`, seen by the object alone; beside it the same turns seen by nothing, where only positions
    differ from the plain trial.

    Trials whose object is more than one visible user message are dropped: the mask would have to follow a conversation.

    Parameters
    ----------
    k
        Which changed state; see `Changed`.
    """

    kind: ClassVar[str] = "masked_turns"
    role: ClassVar[str] = "masked_state"
    tier: ClassVar[str] = "activations"
    title: ClassVar[str] = "hidden prompt that only the object saw"
    conditions: ClassVar[Mapping[str, str]] = {
        "masked": "hidden turns seen by the object alone", "positions": "hidden turns seen by nothing",
    }  # fmt: skip
    k: int = 0

    def apply(self, trials: Sequence[Trial], seed: int) -> list[Trial]:
        """Two trials of each: arm "masked", arm "positions"; each has an observation of its own."""
        out = []
        for trial in filter(movable, trials):
            about = trial.prompt.messages[trial.prompt.context :]
            if len(about) != 1:
                continue
            state, turns = state_of(trial, self.k, seed)
            for arm, masked in (("masked", about[0].content), ("positions", NOTHING)):
                moved = under(trial, turns, self.id, state, arm=arm)
                if moved is not None:
                    key = content_hash(moved.observation, masked)
                    out.append(replace(moved, prompt=replace(moved.prompt, masked=masked), observation=key))
        return out

"""What is asked under a state that no report can read as text, and beside it: the arms of such a control."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from selfscope.controls.base import derived, listed_last
from selfscope.controls.states import with_reply
from selfscope.records import Trial

THIRD = "typical"
"""Whom the third-person questions are about."""
CONDITIONS: Mapping[str, str] = {
    "changed": "asked of itself, changed", "words": "same words, asked which stands last",
    "words_changed": "same words, changed", "person": "asked about a typical assistant",
    "person_changed": "typical assistant, changed",
}  # fmt: skip


def hidden_arms(
    trial: Trial, control: str, changed: Callable[[Trial, str], Trial | None], k: int, seed: int
) -> Sequence[Trial]:
    """Five trials of one: itself under the changed state; the same options in the same frame, asked which stands last,
    and the question about a third person, each without the change and with it. changed: (trial, arm) -> the control's
    copy of it under the state, None where it cannot have any. The plain question is the trial itself."""
    words, person = listed_last(trial), replace(trial, question=replace(trial.question, person=THIRD))
    asked = (
        changed(with_reply(trial, k, seed), "changed"),
        derived(words, control, arm="words"),
        changed(words, "words_changed"),
        derived(person, control, arm="person"),
        changed(person, "person_changed"),
    )
    return [one for one in asked if one is not None]

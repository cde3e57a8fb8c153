"""What a run says while it works: which part it is at, and how much of the whole that is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selfscope.study import Progress
    from selfscope.training.loop import OnStep

Told = Callable[[str, float], None]
"""(what is done, the work that is done by now since the last call)."""


def told_by(progress: Progress | None) -> Told:
    """Who is told of each part; nobody, where nobody asks."""
    return progress.step if progress is not None else lambda what, work: None


def on_steps(told: Told, work: float, who: str = "", more: Callable[[], str] = lambda: "") -> OnStep:
    """Tells of each step of a training run, which is so much work in all; where it is gone on with, also of what was
    done before. who, more: what stands before the step, and behind the loss."""
    before = 0.0

    def on_step(step: int, steps: int, loss: float) -> None:
        nonlocal before
        now = work * step / steps
        told(f"{who}step {step} of {steps}, loss {loss:.2f}{more()}", now - before)
        before = now

    return on_step

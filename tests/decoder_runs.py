"""A small lesson of decoders, and one who stops a run."""

from __future__ import annotations

from selfscope.training.decoder_lesson import DecoderLesson
from selfscope.training.schedule import Schedule

LESSON = DecoderLesson(layers=(2,), rank=2, items=40, families=("topic", "word"), every=2, twins=("tokens", "bias"))
QUICK = Schedule(groups=16, at_once=16, rate=1e-2, objective="soft_labels", save_every=0.0)


class Told:
    """What a run says; it is stopped behind the step that says so."""

    def __init__(self, stop: str = "nowhere") -> None:
        self.stop, self.said = stop, list[str]()

    def plan(self, total: float) -> None: ...

    def step(self, what: str, work: float) -> None:
        self.said.append(what)
        if what.startswith(self.stop):
            raise InterruptedError

"""Questions, noisy adapters and scores under them: what the tests of the tier weights share."""

from __future__ import annotations

import torch

from selfscope.records import Injection, Message, Prompt
from selfscope.subjects.live_adapters import Adapter
from selfscope.subjects.local import Local

OBJECT = "The river runs through the old town."


def asked(*questions: str, about: str = OBJECT, writes: tuple[Injection, ...] = ()) -> list[Prompt]:
    return [
        Prompt(messages=(Message("user", f"{about}\n\n{q}"),), prefix="Answer:", asked=q, interventions=writes)
        for q in questions
    ]


def noisy(adapter: Adapter, seed: int = 0, size: float = 0.2) -> Adapter:
    made = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in adapter.parameters():
            p.copy_(size * torch.randn(p.shape, generator=made))
    return adapter


PROMPTS = asked("Red or blue?", "Yes or no?", "What stands last?")
CHOICES = [(" red", " blue"), (" yes", " no", " perhaps"), (" the bridge", " the town")]


def scores(subject: Local) -> list[list[list[float]]]:
    return subject.score(PROMPTS, CHOICES)

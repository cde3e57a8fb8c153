"""A direction that the answer follows stands first among random ones, and one that is only read does not."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from selfscope import causal_edit
from selfscope.errors import BadInput, Unsupported
from selfscope.phenomena.rollouts import known
from selfscope.records import (
    Evidence,
    Injection,
    Message,
    Observation,
    Option,
    Prompt,
    Question,
    Trial,
    Truth,
)
from selfscope.subjects.activations import Activations
from selfscope.subjects.phantom import Phantom

WIDTH = 16


@dataclass(frozen=True)
class Line:
    """States carry a word along the first axis. What is said follows the axis `says`, what is done follows `does`."""

    says: int = 0
    does: int = 0
    standing: tuple[Injection, ...] = ()
    name: str = "line"
    identity: str = "line"
    tier: str = "activations"
    chat: bool = True
    masks: bool = False
    environment: Mapping[str, Any] = field(default_factory=dict)
    layers: range = range(4)
    width: int = WIDTH

    def _state(self, prompt: Prompt) -> Any:
        text = prompt.messages[0].content
        noise = np.random.default_rng(list(text.encode())).normal(size=WIDTH)
        noise[0] += 6.0 if "left" in text else -6.0
        # In medians, which are 1 here, a vector counts by its direction.
        written = [i.strength * i.vector.array / np.linalg.norm(i.vector.array) for i in self.standing]
        return noise + sum(written, np.zeros(WIDTH))

    def capture(self, prompts: Sequence[Prompt], layers: Sequence[int], positions: Any = "last") -> Activations:
        states = np.stack([self._state(p) for p in prompts]).astype(np.float32)
        return Activations(tuple((i, -1) for i in range(len(prompts))), dict.fromkeys(layers, states))

    def intervened(self, injections: Sequence[Injection]) -> Line:
        return replace(self, standing=(*self.standing, *injections))

    def share(self, prompt: Prompt, axis: int) -> float:
        return 1 / (1 + math.exp(-0.4 * float(self._state(prompt)[axis])))

    def score(self, prompts: Sequence[Prompt], candidates: Sequence[Sequence[str]]) -> list[list[list[float]]]:
        out = []
        for prompt, texts in zip(prompts, candidates, strict=True):
            p = self.share(prompt, self.says)
            out.append([[math.log(p if "left" in text.casefold() else 1 - p)] for text in texts])
        return out


@dataclass(frozen=True)
class Sides:
    """Which side does the state hold?"""

    kind: str = "sides"

    def pose(self, subject: Any, seed: int) -> list[Trial]:
        options = (Option("left", "left"), Option("right", "right"))
        trials = []
        for i in range(80):
            prompt = Prompt(messages=(Message("user", f"{i}: {('left', 'right')[i % 2]}"),))
            name, split = f"sides-{i}", "train" if i < 60 else "test"
            trials.append(Trial(
                name, "sides", "sides", f"c{i // 2}", "sides", split, Question("custom", options, {"ask": "Which?"}),
                prompt, prompt.messages[0].content, name, base=name, evidence=Evidence(prompt, (-1,), ""),
            ))  # fmt: skip
        return trials

    def observe(self, subject: Any, trials: Sequence[Trial]) -> list[Observation]:
        return [Observation(t.observation, exact={"acts": subject.share(t.prompt, subject.does)}) for t in trials]

    def truth(self, trials: Sequence[Trial], observations: Sequence[Observation]) -> list[Truth]:
        return [known(t, (1.0, 0.0) if "left" in t.public else (0.0, 1.0), "record") for t in trials]


def test_what_is_used_stands_first_and_what_is_only_read_does_not() -> None:
    said, done = causal_edit(Line(says=0, does=5), Sides(), strength=2.0, items=16).edits  # type: ignore[arg-type]
    assert (said.moves, done.moves) == ("what it says", "what it does")
    assert min(said.read.value, done.read.value) > 0.95
    assert (said.place, said.p) == (1, pytest.approx(1 / 21))
    assert said.own.value > 0.1
    assert done.place > 3, "the probe reads the first axis, and what is done follows another"
    assert done.p > 0.1
    assert len(said.randoms) == 20
    filtered, _ = causal_edit(Line(says=0, does=5), Sides(), by="weights", strength=2.0, items=16).edits  # type: ignore[arg-type]
    assert 0 < filtered.own.value < said.own.value


def test_the_sign_of_an_effect_is_kept_and_its_place_goes_by_size() -> None:
    said, _ = causal_edit(Line(), Sides(), strength=-2.0, items=8).edits  # type: ignore[arg-type]
    assert said.own.value < -0.1
    assert said.place == 1


def test_one_random_direction_is_no_control_and_needs_are_said() -> None:
    with pytest.raises(BadInput, match="1 random directions place nothing"):
        causal_edit(Line(), Sides(), randoms=1)  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="means, weights"):
        causal_edit(Line(), Sides(), by="hand")  # type: ignore[arg-type]
    with pytest.raises(Unsupported, match="needs the tier activations"):
        causal_edit(Phantom(), Sides())  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="two shared options"):
        causal_edit("open-phantom", "hidden_context[test=2,train=2,dev=0]")
    table = str(causal_edit(Line(), Sides(), strength=1.0, items=4))  # type: ignore[arg-type]
    assert "random" in table
    assert "of 21" in table

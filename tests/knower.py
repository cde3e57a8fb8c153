"""A scripted subject that knows a table of distributions, and trials and truths for it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from selfscope.records import (
    Decoding,
    Message,
    Option,
    Prompt,
    Question,
    Reply,
    Trial,
    Truth,
)

YES_NO = (Option("yes", "yes"), Option("no", "no"))
FOUR = tuple(Option(k, k) for k in ("red", "blue", "green", "other"))


@dataclass(frozen=True)
class Knower:
    """Answers every report prompt from a table of distributions, by the tag alone; counts its calls."""

    known: Mapping[str, Sequence[float]]
    name: str = "knower"
    identity: str = "knower-1"
    tier: str = "logprobs"
    chat: bool = True
    environment: Mapping[str, Any] = field(default_factory=dict)
    calls: list[Sequence[Prompt]] = field(default_factory=list)
    silent: str = ""

    def shown(self, prompt: Prompt) -> tuple[list[str], list[float], bool]:
        """The option texts in canonical order as they are worded, what is known, and whether yes means no."""
        assert prompt.tag["role"] == "report", "a reader showed the subject something that is no report"
        question = prompt.tag["question"]
        texts = [o["text"] for o in question["options"]]
        swapped = question["negated"] and texts == ["yes", "no"]
        return texts[::-1] if swapped else texts, list(self.known[prompt.tag["trial"]]), swapped

    def score(self, prompts: Sequence[Prompt], candidates: Sequence[Sequence[str]]) -> list[list[list[float]]]:
        self.calls.append(prompts)
        return [[self._tokens(p, c, list(own)) for c in own] for p, own in zip(prompts, candidates, strict=True)]

    def _tokens(self, prompt: Prompt, candidate: str, own: list[str]) -> list[float]:
        texts, known, swapped = self.shown(prompt)
        format = prompt.tag["format"]
        yes = known[1] if swapped else known[0]
        if format == "prob_ev":
            low = min(99, int(100 * yes))
            at = {f" {low}%": low + 1 - 100 * yes, f" {low + 1}%": 100 * yes - low}
            p = at.get(candidate, 0.0)
        elif format == "yesno_lp":
            p = (yes if candidate.strip().lower() == "yes" else 1 - yes) / 2
        else:
            p = known[[f" {t}" for t in texts].index(candidate.rstrip("."))]
        # Two tokens a candidate: the reader must sum them, not take the first.
        return [math.log(0.5 * max(p, 1e-12)) + 1.0, -1.0]

    def sample(
        self, prompts: Sequence[Prompt], n: int, decoding: Decoding, on_done: object = None
    ) -> list[list[Reply]]:
        self.calls.append(prompts)
        return [[Reply(self.silent or self._say(p))] * n for p in prompts]

    def _say(self, prompt: Prompt) -> str:
        texts, known, swapped = self.shown(prompt)
        if prompt.tag["format"] == "prob_text":
            return f" {round(100 * (known[1] if swapped else known[0]))}%"
        if prompt.tag["format"] == "counts10":
            return "\n".join(f"{t}: {round(10 * p)}" for t, p in zip(texts, known, strict=True))
        return " " + texts[known.index(max(known))]


def make(n: int, split: str = "test", seed: int = 0, *, habit: float = 0.0) -> tuple[list[Trial], list[Truth]]:
    """n clusters of a yes/no, a four-option and a private-list trial; with a habit, a word of the text decides."""
    rng = np.random.default_rng([seed, len(split)])
    words = ["apple", "river", "stone", "cloud", "table", "green", "happy", "music", "light", "paper"]
    trials, truths = [], []
    for c in range(n):
        said = list(rng.choice(words, 4))
        private = tuple(Option(w, w) for w in rng.permutation(words)[:3])
        for q, (quantity, options) in enumerate(
            (("ends_with_vowel", YES_NO), ("option", FOUR), ("branch", private))
        ):  # fmt: skip
            k = len(options)
            shown = tuple(int(i) for i in rng.permutation(k))
            text = "Say something about " + " ".join(said)
            question = Question(
                quantity, options, shared=quantity != "branch", order=shown, template=(c + q) % 3, negated=bool(c % 2)
            )
            weight = np.full(k, 1.0)
            target = (1 if "river" in said else 0) if habit else int(rng.integers(k))
            weight[target] += 9 * (habit or 1)
            mean = rng.multinomial(20, weight / weight.sum()) / 20
            trial = Trial(
                f"{split}-{c}-{q}", "self_prediction", "src", f"{split}-{c}", split, split, question,
                Prompt(messages=(Message("user", text),), tag={"role": "behave"}), text, f"o-{c}",
            )  # fmt: skip
            trials.append(trial)
            halves = tuple(map(float, mean))
            truths.append(Truth(trial.id, halves, halves, halves, 20, "rollouts"))
    return trials, truths


def knower(trials: Sequence[Trial], truths: Sequence[Truth], **fields: Any) -> Knower:
    return Knower({t.id: truth.mean for t, truth in zip(trials, truths, strict=True)}, **fields)


def brier(readings: Sequence[Any], truths: Sequence[Truth]) -> float:
    pairs = [(np.array(r.distribution), np.array(t.mean)) for r, t in zip(readings, truths, strict=True)]
    return float(np.mean([((a - b) ** 2).sum() for a, b in pairs]))

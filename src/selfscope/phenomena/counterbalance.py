"""How items become trials: objects dealt out to splits, wordings crossed with items, ids from content."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np

from selfscope.errors import SelfscopeError
from selfscope.records import TEMPLATES, Message, Prompt, Question, Trial, content_hash
from selfscope.subjects.base import Subject

SPLITS = ("test", "train", "dev")
T = TypeVar("T")


@dataclass(frozen=True)
class Item:
    """One object and what may be asked of it: a cluster. replies: what a scripted subject may say to it, inert."""

    source: str
    cluster: str
    prompt: Prompt
    extra: Mapping[str, Any] = field(default_factory=dict)


def generator(*key: Any) -> np.random.Generator:
    """Random numbers keyed by content: the same key gives the same numbers in every process."""
    return np.random.default_rng(list(bytes.fromhex(content_hash(*key, size=32))))


def shuffled(items: Iterable[T], *key: Any) -> list[T]:
    """The items in an order that depends on the key alone."""
    pool = list(items)
    return [pool[i] for i in generator("shuffle", *key).permutation(len(pool))]


def split_items(
    pools: Mapping[str, Sequence[T]], sizes: Mapping[str, int], *, only_test: Sequence[str] = ()
) -> list[tuple[str, str, int, T]]:
    """(split, source, number within its source and split, item): each split gets its size, equally from all sources.

    No item goes to two splits. only_test: sources that train and dev never see. Raises SelfscopeError when a source
    has too few different items.
    """
    used = dict.fromkeys(pools, 0)
    out = []
    for split in SPLITS:
        sources = [s for s in pools if split == "test" or s not in only_test]
        for i in range(sizes.get(split, 0)):
            source = sources[i % len(sources)]
            if used[source] >= len(pools[source]):
                most = len(pools[source]) * len(pools)
                raise SelfscopeError(
                    f"source {source!r} has only {len(pools[source])} items: ask for {most} clusters at most"
                )
            out.append((split, source, i // len(sources), pools[source][used[source]]))
            used[source] += 1
    return out


def object_prompt(
    subject: Subject, text: str, *, tag: Mapping[str, Any], prefix: str = "", shown: Sequence[tuple[str, str]] = ()
) -> Prompt:
    """The prompt to which the subject behaves. shown: turns before it, (message, reply), that show the form of an
    answer: without one small models ramble. A base model without a prefix is led in with "Answer:"."""
    before = tuple(turn for ask, said in shown for turn in (Message("user", ask), Message("assistant", said)))
    lead = prefix or ("" if subject.chat else "Answer:")
    tag = {"role": "behave", "state": "plain", **tag}
    return Prompt(messages=(*before, Message("user", text)), prefix=lead, context=len(before), tag=tag)


def public_text(prompt: Prompt) -> str:
    """What a question is about, for anybody to see: the object prompt without hidden messages and without its context.
    A conversation has speaker names."""
    if not prompt.messages:
        return f"{prompt.text or ''}{prompt.prefix}"
    visible = [m for m in prompt.messages[prompt.context :] if not m.hidden]
    if len(visible) == 1 and not prompt.prefix:
        return visible[0].content
    lines = [f"{m.role.capitalize()}: {m.content}" for m in visible]
    return "\n".join([*lines, f"Assistant: {prompt.prefix}"] if prompt.prefix else lines)


def observation_key(phenomenon: str, prompt: Prompt, *settings: Any) -> str:
    """Key of what the subject does at a prompt: its tag does not count, everything else and the settings do."""
    return content_hash("observation", phenomenon, replace(prompt, tag={}), *settings)


def draft_trial(phenomenon: str, split: str, item: Item, question: Question, **fields: Any) -> Trial:
    """A trial without its wording: `crossed` gives it template, order, direction and id."""
    prompt = fields.pop("prompt", item.prompt)
    return Trial(
        id="",
        phenomenon=phenomenon,
        source=item.source,
        cluster=item.cluster,
        task=fields.pop("task", f"{item.source}/{question.quantity}"),
        split=split,
        question=question,
        prompt=prompt,
        public=public_text(prompt),
        **fields,
    )


def counterbalance(trials: Sequence[Trial], seed: int) -> list[Trial]:
    """The trials with template, option order and (yes/no) direction assigned evenly, and with their ids.

    Within each (split, quantity, number of options) every template, first option and direction comes equally often,
    alone and in pairs, up to one; which trial gets which is drawn by the seed. Placements are balanced apart.
    """
    groups: dict[tuple[Any, ...], _Balance] = {}
    out = []
    for trial in trials:
        question = trial.question
        k = len(question.options)
        key = (trial.phenomenon, trial.split, question.quantity, question.placement, k)
        if key not in groups:
            groups[key] = _Balance(k, question.binary, generator("crossed", seed, *key))
        template, order, negated = groups[key].next()
        question = replace(question, template=template, order=order, negated=negated)
        balanced = replace(trial, question=question)
        about = replace(trial.prompt, tag={})
        name = content_hash("trial", seed, trial.phenomenon, trial.split, trial.cluster, question, about)
        out.append(replace(balanced, id=name, base=name))
    return out


class _Balance:
    """Deals out (template, order, flipped): always a cell that was used least, alone and in pairs."""

    def __init__(self, k: int, binary: bool, rng: np.random.Generator) -> None:
        self.k, self.rng = k, rng
        self.cells = list(itertools.product(range(TEMPLATES), range(k), (False, True) if binary else (False,)))
        self.counts: dict[tuple[Any, ...], int] = {}

    def next(self) -> tuple[int, tuple[int, ...], bool]:
        costs = [self._cost(cell) for cell in self.cells]
        best = [cell for cell, cost in zip(self.cells, costs, strict=True) if cost == min(costs)]
        chosen = best[int(self.rng.integers(len(best)))]
        for mark, _ in self._marks(chosen):
            self.counts[mark] = self.counts.get(mark, 0) + 1
        template, first, negated = chosen
        others = [int(i) for i in self.rng.permutation([i for i in range(self.k) if i != first])]
        return template, (first, *others), negated

    def _cost(self, cell: tuple[int, int, bool]) -> int:
        return sum(weight * self.counts.get(mark, 0) for mark, weight in self._marks(cell))

    @staticmethod
    def _marks(cell: tuple[int, int, bool]) -> list[tuple[tuple[Any, ...], int]]:
        template, first, negated = cell
        singles = [(("t", template), 100), (("o", first), 100), (("f", negated), 100)]
        pairs = [(("to", template, first), 10), (("tf", template, negated), 10), (("of", first, negated), 10)]
        return [*singles, *pairs, (("tof", *cell), 1)]

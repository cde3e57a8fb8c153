"""Marked tokens: how what is done at a token of one row rides through all of decoding.

A token at whose position something is written, hidden or asked becomes a *marked* token, a number beyond the vocabulary
that stands for the token and what is done there. Rows are equal only where both are, so that everything that shares
beginnings (caches, trees, groups of rows) stays right by itself.

Axes: B rows, T tokens, D width, N written places.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import torch

from selfscope.records import Injection
from selfscope.subjects.blocks import Blocks, Hook
from selfscope.subjects.inject import UNDEFINED_AT_ZERO, Group, ResolvedInjection, hook_of, resolve_injection
from selfscope.subjects.places import positions_of
from selfscope.subjects.sight import HIDDEN, PLAIN, Sight

Ids = tuple[int, ...]


class Mark(NamedTuple):
    """What a marked token stands for. writes: numbers of its injections. goes_on: those that are written behind it too.
    kind: in `sight`. asked: whether switched adapters act on it."""

    token: int
    writes: tuple[int, ...]
    goes_on: tuple[int, ...]
    kind: int
    asked: bool


@dataclass
class MarkedTokens:
    """The marked tokens of one call. marks: by the marked token's number beyond the vocabulary. idle: injections that
    take the direction of a zero vector, and so do nothing. tensors: (D,) what is written in the place of a vector with
    these data, with its gradient."""

    vocabulary: int
    blocks: Blocks
    device: Any
    medians: Callable[[int], float]
    tensors: Mapping[str, torch.Tensor] = field(default_factory=dict)
    injections: list[ResolvedInjection] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    idle: int = 0
    _known: dict[Any, int] = field(default_factory=dict)

    def row(
        self, ids: Ids, injections: Sequence[Injection], sight: Sight | None = None, asked: Sequence[int] = ()
    ) -> Ids:
        """The prompt with a marked token at each position that is written, hidden, sees hidden ones or is asked. Raises
        BadInput, see `resolve_injection` and `positions_of`."""
        if not injections and sight is None and not asked:
            return ids
        numbers_at: dict[int, list[int]] = {}
        continues = []
        for injection in injections:
            number = self._number_of(injection)
            positions, on = positions_of(injection, len(ids))
            for position in positions:
                numbers_at.setdefault(position, []).append(number)
            if on:
                continues.append(number)
        out = list(ids)
        kinds = {} if sight is None else sight.kinds()
        acted = frozenset(asked)
        for position in numbers_at | kinds | dict.fromkeys(asked):
            numbers, kind = tuple(numbers_at.get(position, ())), kinds.get(position, PLAIN)
            out[position] = self._marked(Mark(ids[position], numbers, tuple(continues), kind, position in acted))
        return tuple(out)

    def _number_of(self, injection: Injection) -> int:
        key = (
            injection.layer, injection.vector.data, injection.operator, injection.strength, injection.unit
        )  # fmt: skip
        if key not in self._known:
            self._known[key] = len(self.injections)
            self.injections.append(self._resolved(injection))
            directed = injection.operator in UNDEFINED_AT_ZERO or injection.unit == "median"
            self.idle += directed and not bool(self.injections[-1].vector_D.any())
        return self._known[key]

    def _resolved(self, injection: Injection) -> ResolvedInjection:
        one = resolve_injection(injection, self.blocks, self.device, self.medians)
        tensor_D = self.tensors.get(injection.vector.data)
        return one if tensor_D is None else replace(one, vector_D=tensor_D)

    def _marked(self, mark: Mark) -> int:
        if mark not in self._known:
            self._known[mark] = len(self.marks)
            self.marks.append(mark)
        return self.vocabulary + self._known[mark]

    def continues(self, last: int, token: int) -> int:
        """A token that follows a prompt with this last token: a marked one where the writing goes on, or adapters that
        are switched on stay so."""
        if last < self.vocabulary:
            return token
        before = self.marks[last - self.vocabulary]
        if not before.goes_on and not before.asked:
            return token
        return self._marked(Mark(token, before.goes_on, before.goes_on, PLAIN, before.asked))

    def token(self, marked: int) -> int:
        """The token itself."""
        return marked if marked < self.vocabulary else self.marks[marked - self.vocabulary].token

    def acts(self, token: int) -> bool:
        """Whether switched adapters act on a token."""
        return token >= self.vocabulary and self.marks[token - self.vocabulary].asked

    def hides(self, ids: Ids) -> bool:
        """Whether a prompt has hidden tokens."""
        return any(t >= self.vocabulary and self.marks[t - self.vocabulary].kind == HIDDEN for t in ids)

    def kinds(self, ids_BT: torch.Tensor) -> torch.Tensor:
        """The kind of each token, see `sight`."""
        kinds = torch.tensor([PLAIN, *(mark.kind for mark in self.marks)], device=ids_BT.device)
        return kinds[(ids_BT - self.vocabulary + 1).clamp(min=0)]

    def asked(self, ids_BT: torch.Tensor) -> torch.Tensor:
        """(B, T) whether switched adapters act on each token."""
        asked = torch.tensor([False, *(mark.asked for mark in self.marks)], device=ids_BT.device)
        return asked[(ids_BT - self.vocabulary + 1).clamp(min=0)]

    def plain(self, ids_BT: torch.Tensor) -> tuple[torch.Tensor, list[tuple[int, Hook]]]:
        """The real tokens (B, T), and the hooks that write what the marked ones stand for."""
        marked = (ids_BT >= self.vocabulary).nonzero()
        if not len(marked):
            return ids_BT, []
        rows, tokens = marked[:, 0], marked[:, 1]
        numbers = (ids_BT[rows, tokens] - self.vocabulary).tolist()
        real_BT = ids_BT.clone()
        real_BT[rows, tokens] = torch.tensor([self.marks[k].token for k in numbers], device=ids_BT.device)
        # Several injections at one place and layer are applied one after the other, in the order of the injections.
        places: dict[tuple[int, int, str], tuple[list[int], list[int]]] = {}
        for at, k in enumerate(numbers):
            turn: dict[int, int] = {}
            for number in self.marks[k].writes:
                one = self.injections[number]
                turn[one.layer] = turn.get(one.layer, -1) + 1
                where, which = places.setdefault((one.layer, turn[one.layer], one.operator), ([], []))
                where.append(at)
                which.append(number)
        hooks: dict[int, list[Group]] = {}
        for (layer, _, operator), (where, which) in sorted(places.items(), key=lambda item: item[0][:2]):
            vectors_ND, strengths_N = self._stacked(which)
            there = torch.tensor(where, device=rows.device)
            group = Group(operator, rows[there], tokens[there], vectors_ND, strengths_N)
            hooks.setdefault(layer, []).append(group)
        return real_BT, [(layer, hook_of(groups)) for layer, groups in hooks.items()]

    def _stacked(self, which: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        distinct = list(dict.fromkeys(which))
        index_of = {number: k for k, number in enumerate(distinct)}
        index = torch.tensor([index_of[number] for number in which], device=self.device)
        vectors = torch.stack([self.injections[number].vector_D for number in distinct])
        strengths = torch.tensor([self.injections[number].strength for number in distinct], device=self.device)
        return vectors[index], strengths[index]

"""What a subject gave back, checked where it enters: numbers that are no distribution never pass as some.

strict, for a phenomenon: they raise BadInput, since no truth can be made of them. Else, for a reader, NaN stands in
their place, and the reading that is made of it is an error.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from selfscope.errors import BadInput
from selfscope.records import Reply, TokenDistribution, checked_reply, token_fault


@dataclass(frozen=True)
class Soundness:
    """name: the subject's. caller: who asked it."""

    name: str
    caller: str
    strict: bool

    def replies(self, replies: list[list[Reply]], prompts: int, n: int) -> list[list[Reply]]:
        """n replies to each prompt; one whose tokens and log-probabilities do not belong together is an error."""
        if len(replies) != prompts or any(len(own) != n for own in replies):
            raise self._unsound("sample", f"it is not {n} replies to each of {prompts} prompts")
        return [[checked_reply(reply) for reply in own] for own in replies]

    def scores(
        self, scores: list[list[list[float]]], candidates: Sequence[Sequence[str]]
    ) -> list[list[list[float]]]:
        """Log-probabilities of every token of every candidate."""
        if len(scores) != len(candidates):
            raise self._unsound("score", f"it holds {len(scores)} prompts of {len(candidates)}")
        out = []
        for own, texts in zip(scores, candidates, strict=True):
            sound = len(own) == len(texts) and all(own) and not any(math.isnan(x) for tokens in own for x in tokens)
            if not sound and self.strict:
                raise self._unsound("score", "it holds NaN, or not one list of numbers for each candidate")
            out.append(own if sound else [[math.nan]] * len(texts))
        return out

    def tokens(
        self, method: str, after: TokenDistribution, ids: Sequence[int] | None, top: int | None
    ) -> TokenDistribution:
        """A next-token distribution with the listed ids and then the likeliest."""
        why = token_fault(after, ids, top)
        if why and self.strict:
            raise self._unsound(method, why)
        if not why:
            return after
        listed = (*(ids or ()), *[-1] * (top or 0))
        return TokenDistribution(listed, (math.nan,) * len(listed), math.nan, ("",) * len(listed))

    def all_tokens(
        self, method: str, after: Sequence[TokenDistribution], asked: int, ids: Sequence[int] | None, top: int | None
    ) -> list[TokenDistribution]:
        """One for each of the prompts or states."""
        if len(after) != asked:
            raise self._unsound(method, f"it holds {len(after)} distributions of {asked}")
        return [self.tokens(method, one, ids, top) for one in after]

    def _unsound(self, method: str, why: str) -> BadInput:
        return BadInput(f"{self.name}: what {method} gave to {self.caller!r} is not what was asked for: {why}")

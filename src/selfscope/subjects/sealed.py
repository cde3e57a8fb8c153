"""The subject as a reader gets it: it answers questions, and keeps its behaviour and its interventions to itself.

Readers and phenomena never import each other, so that no truth can reach a reader through code. What imports cannot
see is checked here, while it runs: a reader that asks the subject to do the very thing that a trial is about is
refused (unless it is the ceiling, which is made of that), what was done to the subject is opaque, and every call is
logged with its cost.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from selfscope.errors import SelfscopeError, Unsupported
from selfscope.records import (
    Cost,
    Decoding,
    Prompt,
    Reply,
    TokenDistribution,
    content_hash,
)
from selfscope.records.description import description_of
from selfscope.subjects.activations import Activations
from selfscope.subjects.base import OnDone, OpenSubject, ScoringSubject, Subject, lacking
from selfscope.subjects.seal_registry import SealRegistry, what
from selfscope.subjects.sound_answers import Soundness

__all__ = ["CEILING", "MASKS", "Call", "Log", "MeteredSubject", "SealBroken", "SealRegistry", "SealedSubject"]
MASKS = "masked prompts need a model that runs here and passed its self-test, as smollm2-135m"
CEILING = "behaviour"
"""The only rung whose readers may let the subject do what a trial is about."""


class SealBroken(SelfscopeError):
    """A reader tried to observe the behaviour that it is to report on."""


@dataclass(frozen=True)
class Call:
    """One call: who made it, which method, how many prompts, what it took."""

    caller: str
    method: str
    prompts: int
    cost: Cost


class Log:
    """Every call of a run, in order."""

    def __init__(self) -> None:
        self.calls: list[Call] = []


class SealedSubject:
    """A subject whose calls are logged under `caller`, and which refuses a reader the prompts that `registry` keeps.

    rung: the caller's. Raises SealBroken, naming the trial, when any caller but the ceiling samples or scores an object
    prompt.
    """

    def __init__(self, subject: Subject, caller: str, registry: SealRegistry, log: Log, *, rung: str = "self") -> None:
        self._subject, self._caller, self._registry, self._log = subject, caller, registry, log
        self._rung = rung
        self._sound = Soundness(subject.name, caller, strict=False)
        self.name: str = subject.name
        self.identity: str = subject.identity
        self.tier: str = subject.tier
        self.chat: bool = subject.chat
        self.environment: Mapping[str, Any] = subject.environment
        self.masks: bool = getattr(subject, "masks", False)

    def sample(
        self, prompts: Sequence[Prompt], n: int, decoding: Decoding, on_done: OnDone | None = None
    ) -> list[list[Reply]]:
        """As the subject's own."""

        def cost(replies: list[list[Reply]]) -> Cost:
            return sum((reply.cost for own in replies for reply in own), Cost())

        replies = self._call("sample", prompts, lambda clear: self._subject.sample(clear, n, decoding, on_done), cost)
        return self._sound.replies(replies, len(prompts), n + decoding.and_greedy)

    def score(self, prompts: Sequence[Prompt], candidates: Sequence[Sequence[str]]) -> list[list[list[float]]]:
        """As the subject's own."""
        self._guard("score", prompts)
        keys = [self._score_key(p, c) for p, c in zip(prompts, candidates, strict=True)]
        call = content_hash(self.identity, keys, size=32)
        if call not in self._registry.scores:
            first: dict[str, int] = {}
            for i, key in enumerate(keys):
                first.setdefault(key, i)
            rows = list(first.values())
            texts = [candidates[i] for i in rows]
            scores = self._call("score", [prompts[i] for i in rows], lambda clear: self._scoring.score(clear, texts))
            scores = self._sound.scores(scores, texts)
            self._registry.scores[call] = dict(zip(first, scores, strict=True))
        known = self._registry.scores[call]
        return [known[key] for key in keys]

    def writable(self, texts: Sequence[str]) -> list[bool]:
        """As the subject's own; all of them where it does not say."""
        own = getattr(self._subject, "writable", None)
        return [True] * len(texts) if own is None else own(texts)

    def next_token(
        self, prompts: Sequence[Prompt], *, top: int | None = None, ids: Sequence[int] | None = None
    ) -> list[TokenDistribution]:
        """As the subject's own."""
        after = self._call("next_token", prompts, lambda clear: self._scoring.next_token(clear, top=top, ids=ids))
        return self._sound.all_tokens("next_token", after, len(prompts), ids, top)

    def encode(self, prompt: Prompt) -> tuple[int, ...]:
        """As the subject's own: token ids tell nothing of what the subject does."""
        return self._scoring.encode(self._registry.open(prompt))

    @property
    def layers(self) -> range:
        """As the subject's own."""
        return self._open.layers

    @property
    def width(self) -> int:
        """As the subject's own."""
        return self._open.width

    def capture(
        self, prompts: Sequence[Prompt], layers: Sequence[int], positions: str | Sequence[Sequence[int]] = "last"
    ) -> Activations:
        """As the subject's own, at the positions that trials give as evidence. Raises SealBroken for any other
        position of a prompt that a trial is about, or whose activations are some trial's evidence."""
        for i, prompt in enumerate(prompts):
            readable = self._registry.readable(prompt)
            guarded = readable or (self._registry.owner(prompt) is not None)
            if guarded and (isinstance(positions, str) or not set(positions[i]) <= readable):
                raise SealBroken(
                    f"reader {self._caller!r} reads activations beyond its evidence: give the evidence's own positions"
                )
        rows = [[what(prompt), prompt.interventions] for prompt in prompts]
        call = content_hash(self.identity, rows, list(layers), positions, size=32)
        if call not in self._registry.states:
            states = self._call("capture", prompts, lambda p: self._open.capture(p, layers, positions), guarded=False)
            self._registry.keep(call, states)
        return self._registry.states[call]

    def unembed(
        self, states_ND: Any, *, ids: Sequence[int] | None = None, top: int | None = None
    ) -> list[TokenDistribution]:
        """As the subject's own."""
        lens = self._open.unembed(states_ND, ids=ids, top=top)
        return self._sound.all_tokens("unembed", lens, len(states_ND), ids, top)

    def positions(self, prompt: Prompt, text: str, occurrence: int = -1) -> tuple[int, ...]:
        """As the subject's own."""
        return self._open.positions(self._registry.open(prompt), text, occurrence)

    def token_texts(self, prompt: Prompt) -> list[str]:
        """As the subject's own."""
        return self._open.token_texts(self._registry.open(prompt))

    def median_norm(self, layer: int) -> float:
        """As the subject's own."""
        return self._open.median_norm(layer)

    def with_adapter(self, folder: str) -> SealedSubject:
        """As the subject's own, under the same seal. Raises Unsupported below the tier weights."""
        own = getattr(self._subject, "with_adapter", None)
        if own is None:
            raise lacking(self.name, self.tier, "weights")
        return SealedSubject(own(folder), self._caller, self._registry, self._log, rung=self._rung)

    @property
    def _open(self) -> OpenSubject:
        return cast(OpenSubject, self._subject)

    @property
    def _scoring(self) -> ScoringSubject:
        return cast(ScoringSubject, self._subject)

    def _call(
        self,
        method: str,
        prompts: Sequence[Prompt],
        act: Callable[[list[Prompt]], Any],
        cost: Callable[[Any], Cost] | None = None,
        *,
        guarded: bool = True,
    ) -> Any:
        if guarded:
            self._guard(method, prompts)
        if not self.masks and any(prompt.masked for prompt in prompts):
            raise Unsupported(f"{self.name} cannot mask turns: {MASKS}")
        start, before = time.perf_counter(), getattr(self._subject, "spent", None)
        result = act([self._registry.open(prompt) for prompt in prompts])
        seconds, after = time.perf_counter() - start, getattr(self._subject, "spent", None)
        if before is not None and after is not None:  # the subject's own count, which knows scored tokens too
            output_tokens = after.output_tokens - before.output_tokens
            spent = Cost(len(prompts), after.prompt_tokens - before.prompt_tokens, output_tokens, seconds)
        else:
            total = cost(result) if cost else Cost()
            spent = Cost(len(prompts), total.prompt_tokens, total.output_tokens, seconds)
        self._log.calls.append(Call(self._caller, method, len(prompts), spent))
        return result

    def _score_key(self, prompt: Prompt, candidates: Sequence[str]) -> str:
        """What is scored once in a call. A tag is part of the question to a scripted subject, and to no other."""
        tag = {} if "parameters" in self.environment else prompt.tag
        return content_hash(what(prompt), prompt.interventions, tag, candidates, size=32)

    def _guard(self, method: str, prompts: Sequence[Prompt]) -> None:
        if self._rung == CEILING:
            return
        for prompt in prompts:
            owner = self._registry.owner(prompt)
            if owner is not None:
                raise SealBroken(
                    f"reader {self._caller!r} called {method} on the prompt that trial {owner} is about: it would "
                    f"see the behaviour that it is to report on; only readers of the rung {CEILING} may"
                )


class MeteredSubject(SealedSubject):
    """The subject as a phenomenon gets it: nothing is refused, every call is logged.

    strict: as in `sound_answers`; a reader's observer is not."""

    def __init__(self, subject: Subject, caller: str, log: Log, *, strict: bool = True) -> None:
        super().__init__(subject, caller, SealRegistry(), log)
        self._sound = Soundness(subject.name, caller, strict)
        self.description = description_of(subject)  # what is on record is a truth: readers get none

"""A loaded model with its tokenizer: how prompts become rows of tokens, and what is known of its inside."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from hashlib import sha256
from typing import Any

import torch

from selfscope.errors import BadInput, BadModel, PromptTooLong, Unsupported
from selfscope.records import Cost, Injection, Prompt, Reply, content_hash
from selfscope.records.description import Description, configured
from selfscope.subjects import white_box
from selfscope.subjects.activations import CONVENTION
from selfscope.subjects.allocator import trim_heap
from selfscope.subjects.base import TIERS, lacking
from selfscope.subjects.blocks import Blocks
from selfscope.subjects.continuation import spoken, writable
from selfscope.subjects.decode import Engine, Ids
from selfscope.subjects.live_adapters import ALWAYS
from selfscope.subjects.marks import MarkedTokens
from selfscope.subjects.no_gradients import no_gradients
from selfscope.subjects.ordinary_tokens import NEUTRAL
from selfscope.subjects.render import positions_of_text, render
from selfscope.subjects.rollout import Draw
from selfscope.subjects.self_test import Check
from selfscope.subjects.sight import Sight, sight_of


@dataclass
class LocalModel:
    """What a loaded model is; what it can be asked stands in `Local`.

    Attributes
    ----------
    name, identity, chat, environment, tier
        See `Subject`.
    context : int
        Most tokens of a prompt and its reply.
    spent : Cost
        All that was computed since it was loaded.
    near_ties : int
        Greedy tokens that were decided by rounding.
    idle : int
        Injections that did nothing: the direction of a zero vector.
    standing : tuple of Injection
        What is written into every row, before the row's own.
    refused : str
        Why its activations cannot be read; empty where they can.
    checks : tuple of Check
        The self-test of its blocks.
    versions : tuple of int
        Of the weights of its active adapters, as they were hashed into its identity.
    worn : mapping of str to Sidecar
        What was put on from disk, by its folder: it tells what that was taught.
    """

    name: str
    identity: str
    chat: bool
    environment: Mapping[str, Any]
    tokenizer: Any = field(repr=False)
    engine: Engine = field(repr=False)
    context: int = 2048
    tier: str = "logprobs"
    spent: Cost = Cost()
    near_ties: int = 0
    idle: int = 0
    standing: tuple[Injection, ...] = ()
    refused: str = ""
    checks: tuple[Check, ...] = ()
    versions: tuple[int, ...] = ()
    worn: Mapping[str, Any] = field(default_factory=dict, repr=False)
    _norms: dict[int, float] = field(default_factory=dict, repr=False)
    _known: dict[str, str] = field(default_factory=dict, repr=False)

    def encode(self, prompt: Prompt) -> Ids:
        """Exact token ids, template and BOS included.

        Raises
        ------
        BadInput
            For a prompt without a token.
        PromptTooLong
            For one that leaves no room for a token more.
        """
        return self._fitting(render(self.tokenizer, prompt), 1)

    def positions(self, prompt: Prompt, text: str, occurrence: int = -1) -> tuple[int, ...]:
        """Columns of the tokens that spell `text` in the rendered prompt (its last occurrence unless told else).

        Raises
        ------
        BadInput
            Where the text does not occur as often.
        """
        return positions_of_text(self.tokenizer, prompt, text, occurrence)

    def token_texts(self, prompt: Prompt) -> list[str]:
        """The prompt's tokens as text, by position."""
        return [self.tokenizer.decode([i]) for i in self.encode(prompt)]

    def writable(self, texts: Sequence[str]) -> list[bool]:
        """Which texts the tokenizer can write as they stand: only those are scored (one of lower case has no "Yes")."""
        return writable(self.tokenizer, texts)

    @property
    def description(self) -> Description:
        """What its own configuration says of it; its name and maker are not told there."""
        size = self.environment.get("parameters")
        config = self.engine.model.config.get_text_config()
        return configured(config, size if isinstance(size, int) else None, self._split)

    def _split(self, word: str) -> int:
        """Tokens that a word adds to a sentence."""
        before, after = (self.tokenizer(text, add_special_tokens=False)["input_ids"] for text in ("a", f"a {word}"))
        return len(after) - len(before)

    @property
    def _open(self) -> bool:
        return TIERS.index(self.tier) >= TIERS.index("activations")

    @property
    def masks(self) -> bool:
        """Whether it takes masked prompts (`Prompt.masked`), the attention windows apart."""
        return self._open and self.engine.tree

    @property
    def layers(self) -> range:
        """The layers there are (outputs of blocks, from 0).

        Raises
        ------
        BadModel
            Where they cannot be read, here and in all that reads or writes them.
        """
        return self._inside().layers

    @property
    def width(self) -> int:
        """D, the width of the residual stream."""
        return self._inside().width

    def median_norm(self, layer: int) -> float:
        """The median norm of ordinary tokens at a layer, over neutral texts; measured once for all layers.

        Raises
        ------
        BadInput
            For a layer that does not exist.
        """
        self._inside().layer(layer)
        if not self._norms:
            rows = [self.encode(Prompt(text=text)) for text in NEUTRAL]
            with no_gradients(self.engine.device):
                self._norms.update(white_box.median_norms(self.engine, rows))
        return self._norms[layer]

    @property
    def vocabulary_hash(self) -> str:
        """Hash of the tokenizer's vocabulary: what stored activations and trained readers are checked against."""
        if "vocabulary" not in self._known:
            self._known["vocabulary"] = content_hash(sorted(self.tokenizer.get_vocab().items()))
        return self._known["vocabulary"]

    def _text_of(self) -> Callable[[int], str]:
        """The text of a token; each token is decoded once."""
        return cache(lambda token: str(self.tokenizer.decode([token])))

    def _record(self, rows: Sequence[Ids]) -> dict[str, Any]:
        """Whose states these are: what a reader of stored activations has to know."""
        known = self.environment
        return {
            "subject": self.identity,
            "model": self.name,
            "tokenizer": self.vocabulary_hash,
            "revision": known.get("revision"),
            "adapter": known.get("adapter"),
            "standing": len(self.standing),
            "prompts": [sha256(repr(row).encode()).hexdigest()[:16] for row in rows],
            "convention": CONVENTION,
            "dtype": known.get("dtype", str(self.engine.model.dtype)),
            "kernel": known.get("attention"),
            "device": known.get("device"),
            "torch": known.get("torch", torch.__version__),
            "transformers": known.get("transformers"),
        }

    def _inside(self) -> Blocks:
        if self.engine.blocks is None:
            raise BadModel(
                f"the activations of {self.name} cannot be read: {self.refused}. `selfscope doctor` says more."
            )
        return self.engine.blocks

    def _marked(
        self,
        prompts: Sequence[Prompt],
        more: Sequence[int],
        *,
        white_box: bool = False,
        tensors: Mapping[str, torch.Tensor] | None = None,
    ) -> tuple[Engine, list[Ids]]:
        """The prompts' ids, marked where something is written, masked or asked, and the engine that knows the marks.
        tensors: see `MarkedTokens`."""
        rows = [self._fitting(render(self.tokenizer, p), m) for p, m in zip(prompts, more, strict=True)]
        acts = [self.standing + p.interventions for p in prompts]
        sights = [self._sight(p, len(row) + m) if p.masked else None for p, row, m in zip(prompts, rows, more)]
        asked = [self._asked(p, row) for p, row in zip(prompts, rows, strict=True)]
        if not (white_box or any(acts) or any(sights) or any(asked)):
            return self.engine, rows
        engine = self.engine
        marks = MarkedTokens(engine.vocabulary, self._inside(), engine.device, self.median_norm, tensors or {})
        marked = []
        for prompt, row, injections, sight, own in zip(prompts, rows, acts, sights, asked, strict=True):
            real = [i for i in injections if isinstance(i, Injection)]
            if len(real) < len(injections):
                raise BadInput("a sealed injection can be passed on and not be carried out here")
            placed = [
                replace(i, positions=self.positions(prompt, i.span_text), span_text="") if i.span_text else i
                for i in real
            ]
            marked.append(marks.row(row, placed, sight, own))
        if marks.idle:
            self.idle += marks.idle
            warnings.warn(f"{marks.idle} injections take the direction of a zero vector: they do nothing", stacklevel=3)
        return (replace(self.engine, marks=marks) if marks.marks else self.engine), marked

    def _asked(self, prompt: Prompt, row: Ids) -> Sequence[int]:
        """Positions on which switched adapters act: none where there is none, or nothing is asked. Raises BadInput
        where what is asked does not stand in the prompt, and for an adapter that was changed since."""
        for adapter, version in zip(self.engine.active, self.versions, strict=True):
            if adapter.version != version:
                raise BadInput(
                    f"the adapter of {self.name} was trained since this subject was made: call adapted(...) again, so "
                    "that its identity is that of the weights"
                )
        if not prompt.asked or all(adapter.carry == ALWAYS for adapter in self.engine.active):
            return ()
        return range(self.positions(prompt, prompt.asked)[0], len(row))

    def _sight(self, prompt: Prompt, length: int) -> Sight:
        """Raises Unsupported where a mask has no meaning in this model, or was not proved in it. length: the prompt's
        tokens and all that may follow."""
        if not self._open:
            raise lacking(self.name, self.tier, "activations")
        if not self.engine.tree:
            raise Unsupported(
                f"{self.name} does not take a mask that says which token sees which: masked prompts need a model of "
                "plain attention, as smollm2-135m"
            )
        if not self.engine.within_window(length):
            raise Unsupported(
                f"a masked prompt and what follows it, {length} tokens, do not fit into the attention window of "
                f"{self.name}, {self.engine.window} tokens: shorten the prompt"
            )
        return sight_of(self.tokenizer, prompt)

    def _fitting(self, ids: Ids, more: int) -> Ids:
        if not ids:
            raise BadInput("a prompt has no token: give it a text, or the BOS as its only id")
        self._existing(ids, "a prompt")
        if len(ids) + more > self.context:
            raise PromptTooLong(
                f"a prompt of {len(ids)} tokens and {more} more do not fit into the {self.context} tokens of "
                f"{self.name}. Shorten the prompt, or use a model with a longer context."
            )
        return ids

    def _existing(self, ids: Ids, what: str) -> None:
        """Raises BadInput for a token that the model does not have: beyond the vocabulary stand marked tokens."""
        last = self.engine.vocabulary - 1
        for token in (min(ids), max(ids)):
            if not 0 <= token <= last:
                raise BadInput(f"{what} has the token {token}, and {self.name} has 0 to {last}")

    def _ended(self, stops: Sequence[str]) -> Any:
        if not stops:
            return None
        return lambda ids: any(s in self.tokenizer.decode(ids) for s in stops)

    def _reply(self, draw: Draw, stops: Sequence[str], prompt_tokens: int) -> Reply:
        text = spoken(self.tokenizer, draw.ids)
        cuts = [text.index(s) for s in stops if s in text]
        cost = Cost(1, prompt_tokens, len(draw.ids), draw.seconds)
        return Reply(text[: min(cuts)] if cuts else text, draw.finish, tuple(draw.ids), tuple(draw.logprobs), cost)

    def _spend(self, rows: Sequence[Ids], output: int, start: float) -> None:
        self.spent += Cost(len(rows), sum(map(len, rows)), output, time.perf_counter() - start)
        trim_heap()

"""A model on this machine: any causal language model that transformers reads, from safetensors or GGUF."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from hashlib import sha256
from typing import Any

import torch

from selfscope.errors import BadInput, BadModel, PromptTooLong
from selfscope.records import Cost, Decoding, Injection, Prompt, Reply, TokenDistribution, content_hash
from selfscope.subjects import bundled_models, weights, white_box
from selfscope.subjects.activations import CONVENTION, Activations
from selfscope.subjects.allocator import quiet_allocator, trim_heap
from selfscope.subjects.base import OnDone
from selfscope.subjects.blocks import Check, SelfTest, find, self_test, stopped
from selfscope.subjects.decode import Engine, Ids
from selfscope.subjects.inject import MarkedTokens
from selfscope.subjects.onednn_linear import pack
from selfscope.subjects.prefix_trees import next_logprobs, score
from selfscope.subjects.render import continuation, end_of_turn, positions_of_text, render
from selfscope.subjects.rollout import Draw, Plan, sample

WINDOWS = ("sliding_window", "attention_chunk_size", "window_size", "attention_window_size", "local_attention")
"""How configurations call the length beyond which a layer no longer sees: a short probe does not show it."""


@dataclass
class Local:
    """An `OpenSubject` on transformers, or only a `ScoringSubject` where its blocks failed the self-test. Build it with
    `load`; calls never change the model. near_ties: greedy tokens decided by rounding. idle: injections that did
    nothing."""

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
    _norms: dict[int, float] = field(default_factory=dict, repr=False)
    _known: dict[str, str] = field(default_factory=dict, repr=False)

    def encode(self, prompt: Prompt) -> Ids:
        """Exact token ids, template and BOS included. Raises PromptTooLong."""
        return self._fitting(render(self.tokenizer, prompt), 1)

    def sample(
        self, prompts: Sequence[Prompt], n: int, decoding: Decoding, on_done: OnDone | None = None
    ) -> list[list[Reply]]:
        """n replies a prompt at the decoding's temperature (0 = greedy: computed once, n copies), then a greedy one
        where the decoding wants it."""
        start = time.perf_counter()
        engine, rows = self._marked(prompts, [decoding.max_tokens] * len(prompts))
        same: dict[Ids, list[int]] = {}  # equal prompts have equal noise, so equal replies: computed once
        for i, row in enumerate(rows):
            same.setdefault(row, []).append(i)
        once = list(same)
        n, both = n + decoding.and_greedy, decoding.and_greedy and decoding.temperature > 0
        draws = min(n, 1) if decoding.temperature == 0 else n
        plan = Plan(decoding.max_tokens, decoding.temperature, decoding.seed, self._ended(decoding.stop), both)
        out: list[list[Reply]] = [[] for _ in prompts]

        def finish(k: int, done: list[Draw]) -> None:
            made = [self._reply(d, decoding.stop, len(once[k]) if j == 0 else 0) for j, d in enumerate(done)]
            copies = [replace(r, cost=Cost()) for r in made]  # what was computed once is paid once
            for i in same[once[k]]:
                first = i == same[once[k]][0]
                out[i] = (made if first else copies) + copies * (n - draws)
                if on_done is not None:
                    on_done(i, out[i])

        with torch.inference_mode():
            self.near_ties += sample(engine, once, draws, plan, finish)
        paid = sum((r.cost for many in out for r in many), Cost())
        self.spent += Cost(len(rows), paid.prompt_tokens, paid.output_tokens, time.perf_counter() - start)
        trim_heap()
        return out

    def score(self, prompts: Sequence[Prompt], candidates: Sequence[Sequence[str]]) -> list[list[list[float]]]:
        """Exact log-probabilities (nats) per prompt, candidate and token. A candidate is tokenised on its own and
        follows the prompt's ids as it stands: its leading space is the caller's."""
        start = time.perf_counter()
        known: dict[str, Ids] = {}
        for text in (c for many in candidates for c in many):
            if text not in known:
                known[text] = continuation(self.tokenizer, text)
                if not known[text]:
                    raise ValueError(f"the candidate {text!r} has no token")
        tokens = [[known[c] for c in many] for many in candidates]
        engine, rows = self._marked(prompts, [max(map(len, many), default=0) for many in tokens])
        if engine.marks is not None:
            tokens = [[tuple(engine.continues(r, t) for t in c) for c in many] for r, many in zip(rows, tokens)]
        with torch.inference_mode():
            got = score(engine, rows, tokens)
        self._spend(rows, sum(len(c) for many in tokens for c in many), start)
        return got

    def next_token(
        self, prompts: Sequence[Prompt], *, top: int | None = None, ids: Sequence[int] | None = None
    ) -> list[TokenDistribution]:
        """The exact next-token distribution at temperature 1, of the listed ids and then of the `top` likeliest (10
        where nothing is listed); the entropy is of the whole vocabulary."""
        start = time.perf_counter()
        engine, rows = self._marked(prompts, [1] * len(prompts))
        text_of = self._text_of()

        def use(i: int, logprobs_V: torch.Tensor) -> TokenDistribution:
            entropy = float(white_box.entropies(logprobs_V))
            return white_box.listed(logprobs_V, entropy, ids=ids, top=top, text_of=text_of)

        with torch.inference_mode():
            got = next_logprobs(engine, rows, use)
        self._spend(rows, 0, start)
        return got

    def capture(
        self,
        prompts: Sequence[Prompt],
        layers: Sequence[int],
        positions: str | Sequence[Sequence[int]] = "last",
    ) -> Activations:
        """States of the residual stream at every (layer, position) asked for: one forward, no head, nothing above the
        deepest layer. positions: "last" | "all" (but the first and attention sinks) | "every" | those of each prompt
        (negative from the end). Raises BadInput for a layer or position that does not exist, BadModel where the
        model's blocks failed the self-test."""
        start = time.perf_counter()
        engine, rows = self._marked(prompts, [0] * len(prompts), white_box=True)
        with torch.inference_mode():
            record = self._record([tuple(map(engine.token, row)) for row in rows])
            got = white_box.captured(engine, rows, layers, positions, text_of=self._text_of(), record=record)
        self.spent += Cost(len(rows), sum(map(len, rows)), 0, time.perf_counter() - start)
        if sum(map(len, rows)) > self.engine.tokens:
            trim_heap()
        return got

    def unembed(
        self, states_ND: Any, *, ids: Sequence[int] | None = None, top: int | None = None
    ) -> list[TokenDistribution]:
        """The model's own final norm and head (soft cap and scale included) on states: the logit lens
        (nostalgebraist 2020). Of the last layer it is the next-token distribution. States (N, D)."""
        self._inside()
        with torch.inference_mode():
            return white_box.unembedded(self.engine, states_ND, ids=ids, top=top, text_of=self._text_of())

    def intervened(self, injections: Sequence[Injection]) -> Local:
        """This model with injections in every row, before the row's own: another subject, with its own identity. The
        weights are shared and not touched."""
        self._inside()
        standing = self.standing + tuple(injections)
        identity = content_hash(self.identity, injections, size=len(self.identity))
        return replace(self, standing=standing, identity=identity, spent=Cost(), near_ties=0, idle=0)

    def positions(self, prompt: Prompt, text: str, occurrence: int = -1) -> tuple[int, ...]:
        """Columns of the tokens that spell `text` in the rendered prompt (its last occurrence unless told else)."""
        return positions_of_text(self.tokenizer, prompt, text, occurrence)

    def token_texts(self, prompt: Prompt) -> list[str]:
        """The prompt's tokens as text, by position."""
        return [self.tokenizer.decode([i]) for i in self.encode(prompt)]

    @property
    def layers(self) -> range:
        """The layers there are (outputs of blocks, from 0). Raises BadModel where they cannot be read."""
        return self._inside().layers

    @property
    def width(self) -> int:
        """D, the width of the residual stream."""
        return self._inside().width

    def median_norm(self, layer: int) -> float:
        """The median norm of ordinary tokens at a layer, over neutral texts; measured once for all layers."""
        self._inside().layer(layer)
        if not self._norms:
            rows = [self.encode(Prompt(text=text)) for text in white_box.NEUTRAL]
            with torch.inference_mode():
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

    def _inside(self) -> Any:
        if self.engine.blocks is None:
            raise BadModel(
                f"the activations of {self.name} cannot be read: {self.refused}. `selfscope doctor` says more."
            )
        return self.engine.blocks

    def _marked(
        self, prompts: Sequence[Prompt], more: Sequence[int], *, white_box: bool = False
    ) -> tuple[Engine, list[Ids]]:
        """The prompts' ids, marked where something is written, and the engine that knows the marks."""
        rows = [self._fitting(render(self.tokenizer, p), m) for p, m in zip(prompts, more, strict=True)]
        acts = [self.standing + p.interventions for p in prompts]
        if not (white_box or any(acts)):
            return self.engine, rows
        marks = MarkedTokens(self.engine.vocabulary, self._inside(), self.engine.device, self.median_norm)
        marked = []
        for prompt, row, some in zip(prompts, rows, acts, strict=True):
            real = [i for i in some if isinstance(i, Injection)]
            if len(real) < len(some):
                raise BadInput("a sealed injection can be passed on and not be carried out here")
            placed = [
                replace(i, positions=self.positions(prompt, i.span_text), span_text="") if i.span_text else i
                for i in real
            ]
            marked.append(marks.row(row, placed))
        if marks.idle:
            self.idle += marks.idle
            warnings.warn(f"{marks.idle} injections take the direction of a zero vector: they do nothing", stacklevel=3)
        return (replace(self.engine, marks=marks) if marks.resolved else self.engine), marked

    def _fitting(self, ids: Ids, more: int) -> Ids:
        if not ids:
            raise BadInput("a prompt has no token: give it a text, or the BOS as its only id")
        if len(ids) + more > self.context:
            raise PromptTooLong(
                f"a prompt of {len(ids)} tokens and {more} more do not fit into the {self.context} tokens of "
                f"{self.name}. Shorten the prompt, or use a model with a longer context."
            )
        return ids

    def _ended(self, stops: Sequence[str]) -> Any:
        if not stops:
            return None
        return lambda ids: any(s in self.tokenizer.decode(ids) for s in stops)

    def _reply(self, draw: Draw, stops: Sequence[str], prompt_tokens: int) -> Reply:
        text = self.tokenizer.decode(draw.ids, skip_special_tokens=True)
        cuts = [text.index(s) for s in stops if s in text]
        cost = Cost(1, prompt_tokens, len(draw.ids), draw.seconds)
        return Reply(text[: min(cuts)] if cuts else text, draw.finish, tuple(draw.ids), tuple(draw.logprobs), cost)

    def _spend(self, rows: Sequence[Ids], made: int, start: float) -> None:
        self.spent += Cost(len(rows), sum(map(len, rows)), made, time.perf_counter() - start)
        trim_heap()


def load(
    name: str,
    *,
    device: str | None = None,
    dtype: str | None = None,
    revision: str | None = None,
    adapter: str | None = None,
    say: bundled_models.Say = lambda line: None,
) -> Local:
    """A model by short name (fetched on first use), folder, .gguf file, or hub name.

    device: cpu, cuda, cuda:1, mps. dtype: float32 | bfloat16 | float16; default fp32 up to 2B parameters, above that
    the checkpoint's own (bf16 changes log-probabilities with the batch's shape). adapter: a PEFT folder.
    Raises UnknownName, BadModel.
    """
    import transformers
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    quiet_allocator()
    package = bundled_models.PACKAGES.get(name)
    source = weights.source_of(str(bundled_models.get(name, say)) if package else name, revision)
    tokenizer = weights.read_tokenizer(name, source)
    model = _placed(weights.read_model(name, source, dtype, adapter).eval(), device)
    packed = pack(model)
    engine = checked(engine_of(model, tokenizer))
    engine, found = opened(engine)
    refused = found.failure
    template = str(tokenizer.chat_template or "")
    commit = getattr(model.config, "_commit_hash", None) or source.revision
    environment = {
        "device": str(model.device),
        "dtype": str(model.dtype).removeprefix("torch."),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "common beginnings": "held once" if engine.cascade else "copied to each row",
        "scoring": "token trees" if engine.tree else "one candidate a row",
        "sampling": engine.steps,
        "attention": str(getattr(model.config.get_text_config(), "_attn_implementation", None)),
        "activations": f"refused: {refused}" if refused else "read and written",
        **({"linear layers": f"{packed} through oneDNN"} if packed else {}),
        "parameters": sum(p.numel() for p in model.parameters()),
        **({"weights": package.note, "licence": package.licence} if package else {}),
        **({"adapter": adapter} if adapter else {}),
        **({"revision": commit} if commit else {}),
    }
    config = model.config.get_text_config()
    context = int(getattr(config, "max_position_embeddings", None) or 1 << 20)
    identity = weights.identity_of(source, adapter, template, str(model.dtype), model.config)
    local = Local(name, identity, bool(template), environment, tokenizer, engine, context)
    tier = "logprobs" if refused else "activations"
    return replace(local, tier=tier, refused=refused, checks=found.checks)


def opened(engine: Engine) -> tuple[Engine, SelfTest]:
    """The engine with its residual stream where the self-test lets it be read, and what the test found."""
    tolerance = 1e-4 if engine.model.dtype == torch.float32 else 0.3
    try:
        blocks = find(engine.model)
    except BadModel as error:
        return engine, stopped(0, str(error))
    found = self_test(engine.model, blocks, None if engine.full_logits else engine.head, tolerance)
    return (engine if found.failure else replace(engine, blocks=replace(blocks, output=found.output))), found


def _placed(model: Any, device: str | None) -> Any:
    wanted = device or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return model.to(wanted)
    except (RuntimeError, AssertionError) as error:
        if isinstance(error, torch.OutOfMemoryError):
            raise BadModel(f"the model does not fit into the memory of {wanted}. Try --dtype bfloat16.") from error
        raise BadModel(
            f"the device {wanted!r} cannot be used ({weights.first_line(error)}). Try cpu, cuda, cuda:1 or mps."
        ) from error


def engine_of(model: Any, tokenizer: Any) -> Engine:
    """The engine of a loaded model, fast ways not checked yet."""
    config = model.config.get_text_config()
    windows = [getattr(config, name, None) for name in WINDOWS]
    window = min((w for w in windows if isinstance(w, int) and w > 0), default=None)
    return Engine(model, end_of_turn(tokenizer, model.generation_config), window=window)


def checked(engine: Engine) -> Engine:
    """Compares each fast way with the plain one on a small example; where they differ the plain one is taken."""
    rows = [tuple((7 * k + 3 * r + 11) % engine.vocabulary for k in range(3 + 4 * r)) for r in range(2)]
    prompts = [tuple((5 * k + 2) % engine.vocabulary for k in range(8)) + row for row in rows]
    words: list[list[Ids]] = [[(1, 2, 3), (1, 2, 4)], [(6, 7), (8,)]]
    candidates = [[tuple(t % engine.vocabulary for t in c) for c in many] for many in words]
    tolerance = 1e-4 if engine.model.dtype == torch.float32 else 0.3
    plain = replace(engine, tree=False, steps="recomputed")
    with torch.inference_mode():
        plain = replace(plain, full_logits=not _heads_agree(plain, prompts[0], tolerance))
        found = replace(engine, full_logits=plain.full_logits)
        wanted = score(plain, prompts, candidates)
        try:
            got = score(replace(found, window=None), prompts, candidates)
            agree = _gap(got, wanted) < tolerance
        except (TypeError, ValueError, RuntimeError, IndexError, AttributeError):
            agree = False  # the architecture does not take a mask of four dimensions
        found = replace(found, tree=agree)
        found = replace(found, cascade=agree and _cascades(found, prompts, tolerance))
        for steps in ("in place", "cached"):
            if _steps_agree(replace(found, steps=steps, window=None if agree else engine.window), prompts, tolerance):
                return replace(found, steps=steps)
    return replace(found, steps="recomputed")


def _cascades(engine: Engine, prompts: Sequence[Ids], tolerance: float) -> bool:
    """Whether a beginning that is held once gives the scores and the steps of one that each row has a copy of."""
    with_it, without = replace(engine, cascade=True, window=None), replace(engine, window=None)
    words: list[list[Ids]] = [[(1, 2, 3), (1, 2, 4)], [(2, 1)]]
    rows = list(prompts)
    if engine.within_window(180):  # long enough to take both ways of joining the two parts
        tails = [tuple((11 * k + 5 * r + 1) % engine.vocabulary for k in range(40)) for r in range(2)]
        rows = [prompts[0][:8] * 15 + tail for tail in tails]
    try:
        for some in (prompts, rows):
            if not _gap(score(with_it, some, words), score(without, some, words)) < tolerance:
                return False
        return _steps_agree(replace(with_it, steps="in place"), prompts, tolerance)
    except (TypeError, ValueError, RuntimeError, IndexError, AttributeError, NotImplementedError, KeyError):
        return False


def _heads_agree(engine: Engine, row: Ids, tolerance: float) -> bool:
    """Whether the output embedding on the decoder's last states gives the model's own logits."""
    ids = torch.tensor([row], device=engine.device)
    wanted_TV = engine.model(input_ids=ids, use_cache=False).logits[0].float().log_softmax(-1)
    try:
        got_TV = engine.head(engine.body(input_ids=ids, use_cache=False)[0])
    except (TypeError, ValueError, RuntimeError, AttributeError):
        return False
    return got_TV.shape == wanted_TV.shape and bool((got_TV - wanted_TV).abs().max() < tolerance)


def _steps_agree(engine: Engine, prompts: Sequence[Ids], tolerance: float) -> bool:
    """Whether log-probabilities of a growing reply are those of the whole rows."""
    plain = replace(engine, tree=False, stop_ids=())
    grown: dict[int, Ids] = {}
    told: dict[int, list[float]] = {}

    def note(i: int, draws: list[Draw]) -> None:
        grown[i], told[i] = tuple(draws[0].ids), draws[0].logprobs

    try:
        sample(plain, prompts, 2, Plan(3, 1.0, 0), note)
    except (TypeError, ValueError, RuntimeError, IndexError, AttributeError):
        return False
    wanted = score(plain, prompts, [[grown[i]] for i in range(len(prompts))])
    return _gap([[told[i]] for i in range(len(prompts))], wanted) < tolerance


def _gap(a: Any, b: Any) -> float:
    """Largest difference of two nested lists of numbers of one shape; not-a-number is infinitely far."""
    if isinstance(a, float):
        return abs(a - b) if abs(a - b) >= 0 else float("inf")
    return max((_gap(x, y) for x, y in zip(a, b, strict=True)), default=0.0)

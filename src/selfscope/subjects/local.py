"""A model on this machine: any causal language model that transformers reads, from safetensors or GGUF."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from selfscope.errors import BadModel, PromptTooLong, UnknownName
from selfscope.records import Cost, Decoding, Prompt, Reply, TokenDistribution, content_hash
from selfscope.subjects import packaged
from selfscope.subjects.base import OnDone
from selfscope.subjects.decode import Engine, Ids, next_logprobs, score
from selfscope.subjects.render import end_of_turn, render
from selfscope.subjects.rollout import Draw, Plan, sample

FP32_UP_TO = 2_000_000_000
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass
class Local:
    """A `ScoringSubject` on transformers. Build it with `load`; calls never change the model."""

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

    def encode(self, prompt: Prompt) -> Ids:
        """Exact token ids, template and BOS included. Raises PromptTooLong."""
        return self._fitting(render(self.tokenizer, prompt), 1)

    def sample(
        self, prompts: Sequence[Prompt], n: int, decoding: Decoding, on_done: OnDone | None = None
    ) -> list[list[Reply]]:
        """n replies a prompt at the decoding's temperature (0 = greedy: computed once, n copies)."""
        start = time.perf_counter()
        rows = [self._fitting(render(self.tokenizer, p), decoding.max_tokens) for p in prompts]
        draws = 1 if decoding.temperature == 0 else n
        plan = Plan(decoding.max_tokens, decoding.temperature, decoding.seed, self._ended(decoding.stop))
        out: list[list[Reply]] = [[] for _ in prompts]

        def finish(i: int, done: list[Draw]) -> None:
            replies = [self._reply(d, decoding.stop, len(rows[i]) if k == 0 else 0) for k, d in enumerate(done)]
            out[i] = replies * (n if draws == 1 else 1)
            if on_done is not None:
                on_done(i, out[i])

        with torch.inference_mode():
            self.near_ties += sample(self.engine, rows, draws, plan, finish)
        made = sum(len(r.ids or ()) for many in out for r in many[:draws])
        self._spend(rows, made, start)
        return out

    def score(self, prompts: Sequence[Prompt], candidates: Sequence[Sequence[str]]) -> list[list[list[float]]]:
        """Exact log-probabilities (nats) per prompt, candidate and token. A candidate is tokenised on its own and
        follows the prompt's ids as it stands: its leading space is the caller's."""
        start = time.perf_counter()
        known: dict[str, Ids] = {}
        for text in (c for many in candidates for c in many):
            if text not in known:
                known[text] = tuple(self.tokenizer(text, add_special_tokens=False)["input_ids"])
                if not known[text]:
                    raise ValueError(f"the candidate {text!r} has no token")
        tokens = [[known[c] for c in many] for many in candidates]
        rows = [
            self._fitting(render(self.tokenizer, p), max(map(len, many), default=0))
            for p, many in zip(prompts, tokens, strict=True)
        ]
        with torch.inference_mode():
            got = score(self.engine, rows, tokens)
        self._spend(rows, sum(len(c) for many in tokens for c in many), start)
        return got

    def next_token(
        self, prompts: Sequence[Prompt], *, top: int | None = None, ids: Sequence[int] | None = None
    ) -> list[TokenDistribution]:
        """The exact next-token distribution at temperature 1; the entropy is of the whole vocabulary."""
        start = time.perf_counter()
        rows = [self.encode(p) for p in prompts]

        def use(i: int, logprobs_V: torch.Tensor) -> TokenDistribution:
            if ids is not None:
                chosen = list(ids)
            else:
                chosen = logprobs_V.topk(min(top or 10, len(logprobs_V))).indices.tolist()
            entropy = float(-(logprobs_V.exp() * logprobs_V.clamp(min=-1e4)).sum())
            values = logprobs_V[torch.tensor(chosen, device=logprobs_V.device)].tolist()
            words = tuple(self.tokenizer.decode([k]) for k in chosen)
            return TokenDistribution(tuple(chosen), tuple(values), entropy, words)

        with torch.inference_mode():
            got = next_logprobs(self.engine, rows, use)
        self._spend(rows, 0, start)
        return got

    def _fitting(self, ids: Ids, more: int) -> Ids:
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
        cost = Cost(calls=1, prompt_tokens=prompt_tokens, output_tokens=len(draw.ids))
        return Reply(text[: min(cuts)] if cuts else text, draw.finish, tuple(draw.ids), tuple(draw.logprobs), cost)

    def _spend(self, rows: Sequence[Ids], made: int, start: float) -> None:
        self.spent += Cost(len(rows), sum(map(len, rows)), made, time.perf_counter() - start)


def load(
    name: str,
    *,
    device: str | None = None,
    dtype: str | None = None,
    revision: str | None = None,
    adapter: str | None = None,
    say: packaged.Say = lambda line: None,
) -> Local:
    """A model by short name (fetched on first use), folder, .gguf file, or hub name.

    device: cpu, cuda, cuda:1, mps. dtype: float32 | bfloat16 | float16; default fp32 up to 2B parameters, above that
    the checkpoint's own (bf16 changes log-probabilities with the batch's shape). adapter: a PEFT folder.
    Raises UnknownName, BadModel.
    """
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    quiet_allocator()
    package = packaged.PACKAGES.get(name)
    folder = str(packaged.get(name, say)) if package else name
    source = _source(folder, revision)
    tokenizer = _tokenizer(name, source)
    model = _model(name, source, dtype, adapter).eval().to(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    engine = checked(engine_of(model, tokenizer))
    template = tokenizer.chat_template or ""
    identity = _identity(source, adapter, template, str(model.dtype))
    import transformers

    environment = {
        "device": str(model.device),
        "dtype": str(model.dtype).removeprefix("torch."),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "scoring": "token trees" if engine.tree else "one candidate a row",
        "parameters": sum(p.numel() for p in model.parameters()),
        **({"weights": package.note, "licence": package.licence} if package else {}),
        **({"adapter": adapter} if adapter else {}),
    }
    config = model.config.get_text_config()
    context = int(getattr(config, "max_position_embeddings", None) or 1 << 20)
    return Local(name, identity, bool(template), environment, tokenizer, engine, context)


def engine_of(model: Any, tokenizer: Any) -> Engine:
    """The engine of a loaded model, fast paths not checked yet."""
    config = model.config.get_text_config()
    window = getattr(config, "sliding_window", None)
    stop = end_of_turn(tokenizer, model.generation_config)
    return Engine(model, stop, tree=True, window=int(window) if window else None)


def checked(engine: Engine) -> Engine:
    """Compares token trees with one candidate a row on a small example; where they differ trees are switched off."""
    from dataclasses import replace

    vocabulary = int(engine.model.config.get_text_config().vocab_size)
    rows = [tuple((7 * k + 3 * r + 11) % vocabulary for k in range(12 + 3 * r)) for r in range(3)]
    shared = tuple((5 * k + 2) % vocabulary for k in range(10))
    prompts = [shared + row for row in rows]
    words: list[list[Ids]] = [[(1, 2, 3), (1, 2, 4), (5,)], [(6,), (7, 8)], [(9, 1), (9, 2)]]
    candidates = [[tuple(t % vocabulary for t in c) for c in many] for many in words]
    slow = replace(engine, tree=False)
    with torch.inference_mode():
        wanted = score(slow, prompts, candidates)
        try:
            got = score(replace(engine, window=None), prompts, candidates)
        except (TypeError, ValueError, RuntimeError, IndexError, AttributeError):
            return slow  # the architecture does not take a mask of four dimensions
    pairs = [(x, y) for a, b in zip(wanted, got, strict=True) for c, d in zip(a, b, strict=True) for x, y in zip(c, d)]
    tolerance = 1e-4 if engine.model.dtype == torch.float32 else 0.3
    return engine if all(abs(x - y) < tolerance for x, y in pairs) else slow


@dataclass(frozen=True)
class _Source:
    """What from_pretrained is given: a folder or hub name, a GGUF file in it, a revision."""

    place: str
    gguf: str | None
    revision: str | None

    @property
    def arguments(self) -> dict[str, Any]:
        found: dict[str, Any] = {"trust_remote_code": False}
        if self.gguf:
            found["gguf_file"] = self.gguf
        if self.revision:
            found["revision"] = self.revision
        return found


def _source(name: str, revision: str | None) -> _Source:
    place = Path(name).expanduser()
    if place.is_file():
        if place.suffix != ".gguf":
            raise BadModel(f"{name} is a file that is not .gguf. Give a model folder or a GGUF file.")
        return _Source(str(place.parent), place.name, None)
    if place.is_dir():
        return _Source(str(place), None, None)
    if name.startswith((".", "/", "~")) or name.count("/") != 1:
        hint = "A model is a short name, a folder, a .gguf file, or a hub name like owner/model."
        raise UnknownName("model", name, packaged.PACKAGES, hint)
    return _Source(name, None, revision)


def _tokenizer(name: str, source: _Source) -> Any:
    from transformers import AutoTokenizer

    files = ("tokenizer.json", "tokenizer.model", "vocab.json", "tokenizer_config.json", "spiece.model")
    place = Path(source.place)
    if place.is_dir() and not source.gguf and not any((place / f).exists() for f in files):
        raise BadModel(f"{name} has no tokenizer (none of {', '.join(files)}). Save the model's tokenizer there.")
    try:
        return AutoTokenizer.from_pretrained(source.place, **source.arguments)
    except (OSError, ValueError, KeyError) as error:
        raise BadModel(f"the tokenizer of {name} cannot be read: {_first_line(error)}") from error


def _model(name: str, source: _Source, dtype: str | None, adapter: str | None) -> Any:
    from transformers import AutoModelForCausalLM

    if dtype is not None and dtype not in DTYPES:
        raise UnknownName("dtype", dtype, DTYPES)
    place = Path(source.place)
    if place.is_dir() and not source.gguf and not list(place.glob("*.safetensors")):
        held = ", ".join(sorted(f.name for f in place.iterdir())[:8]) or "nothing"
        raise BadModel(
            f"{name} holds no safetensors weights (it holds {held}). Pickled weights are never loaded: "
            "convert them with save_pretrained(..., safe_serialization=True)."
        )
    arguments = dict(source.arguments)
    if not source.gguf:
        arguments["use_safetensors"] = True
    try:
        model = AutoModelForCausalLM.from_pretrained(source.place, dtype=DTYPES.get(dtype or "", "auto"), **arguments)
    except (OSError, ValueError, KeyError) as error:
        raise BadModel(f"the model {name} cannot be loaded: {_first_line(error)}") from error
    if dtype is None and sum(p.numel() for p in model.parameters()) <= FP32_UP_TO:
        model = model.float()
    if adapter is not None:
        from peft import PeftModel

        try:
            model = PeftModel.from_pretrained(model, adapter).merge_and_unload()
        except (OSError, ValueError, KeyError) as error:
            raise BadModel(f"the adapter {adapter} does not load onto {name}: {_first_line(error)}") from error
    return model


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def _identity(source: _Source, adapter: str | None, template: str, dtype: str) -> str:
    parts: list[Any] = [template, dtype]
    for place in filter(None, (source.place, adapter)):
        folder = Path(place)
        if not folder.is_dir():  # a hub name: its files were fetched, the revision names them
            parts.append([place, source.revision])
            continue
        names = [source.gguf] if source.gguf and place == source.place else None
        files = [folder / n for n in names] if names else sorted(f for f in folder.iterdir() if _counts(f))
        parts += [[f.name, file_hash(f)] for f in files]
    return content_hash(*parts)


def _counts(file: Path) -> bool:
    if file.suffix == ".safetensors":
        return True
    return file.name in {"config.json", "adapter_config.json", "tokenizer.json", "tokenizer.model", "vocab.json"}


def file_hash(file: Path) -> str:
    """SHA-256 of a file, remembered by path, size and time of change."""
    stat = file.stat()
    key = f"{file.resolve()}|{stat.st_size}|{stat.st_mtime_ns}"
    memory = packaged.cache_dir() / "hashes.json"
    known: dict[str, str] = {}
    try:
        known = json.loads(memory.read_text())
    except (OSError, ValueError):
        known = {}
    if key not in known:
        digest = hashlib.sha256()
        with file.open("rb") as stream:
            while block := stream.read(1 << 22):
                digest.update(block)
        known[key] = digest.hexdigest()
        memory.parent.mkdir(parents=True, exist_ok=True)
        draft = memory.with_name(f"hashes.{os.getpid()}.tmp")
        draft.write_text(json.dumps(known))
        draft.replace(memory)
    return known[key]


def quiet_allocator() -> None:
    """Keeps freed memory with the process on glibc: without it every large tensor is paged in anew (14-21 % of a
    forward on two cores)."""
    import ctypes
    import sys

    if not sys.platform.startswith("linux"):
        return
    try:
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(-3, 1 << 30)  # M_MMAP_THRESHOLD
        libc.mallopt(-1, (1 << 31) - 1)  # M_TRIM_THRESHOLD
    except (OSError, AttributeError):
        return

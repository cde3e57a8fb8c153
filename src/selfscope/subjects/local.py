"""A model on this machine: any causal language model that transformers reads, from safetensors or GGUF."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from selfscope.records import Cost, Decoding, Prompt, Reply, TokenDistribution
from selfscope.records.contracts import refuse_decoder
from selfscope.subjects import bundled_models, white_box
from selfscope.subjects.activations import Activations
from selfscope.subjects.adapter_files import is_ours
from selfscope.subjects.allocator import quiet_allocator, trim_heap
from selfscope.subjects.base import OnDone
from selfscope.subjects.checkpoint import read_checkpoint
from selfscope.subjects.continuation import continuations
from selfscope.subjects.decode import Ids
from selfscope.subjects.fast_paths import checked, engine_of
from selfscope.subjects.live_adapters import AdapterStack
from selfscope.subjects.local_weights import LocalWeights
from selfscope.subjects.masked_rows import next_logprobs, sample, score
from selfscope.subjects.no_gradients import no_gradients
from selfscope.subjects.onednn_linear import pack
from selfscope.subjects.rollout import Draw, SamplingPlan
from selfscope.subjects.self_test import with_stream
from selfscope.subjects.written_files import put_on, stacked


@dataclass
class Local(LocalWeights):
    """An `OpenSubject` on transformers, or only a `ScoringSubject` where its blocks failed the self-test. Build it with
    `load`; calls never change the model. Where `masks` is false, a masked prompt raises Unsupported."""

    def sample(
        self, prompts: Sequence[Prompt], n: int, decoding: Decoding, on_done: OnDone | None = None
    ) -> list[list[Reply]]:
        """n replies a prompt at the decoding's temperature, then a greedy one where the decoding wants it.

        Parameters
        ----------
        prompts : Sequence of Prompt
            N of them; equal ones are computed once.
        n : int
            Replies a prompt; at temperature 0 they are copies of one.
        decoding : Decoding
            The size and order of the batch change no token.
        on_done : callable, optional
            Called with (index, replies) as prompts finish.

        Returns
        -------
        list of list of Reply
            One list a prompt, N in all.

        Raises
        ------
        PromptTooLong
            For a prompt that does not fit with its reply.
        """
        start = time.perf_counter()
        engine, rows = self._marked(prompts, [decoding.max_tokens] * len(prompts))
        same: dict[Ids, list[int]] = {}  # equal prompts have equal noise, so equal replies: computed once
        for i, row in enumerate(rows):
            same.setdefault(row, []).append(i)
        once = list(same)
        n, both = n + decoding.and_greedy, decoding.and_greedy and decoding.temperature > 0
        draws = min(n, 1) if decoding.temperature == 0 else n
        plan = SamplingPlan(decoding.max_tokens, decoding.temperature, decoding.seed, self._ended(decoding.stop), both)
        out: list[list[Reply]] = [[] for _ in prompts]

        def finish(k: int, done: list[Draw]) -> None:
            paid_for = [self._reply(d, decoding.stop, len(once[k]) if j == 0 else 0) for j, d in enumerate(done)]
            copies = [replace(r, cost=Cost()) for r in paid_for]  # what was computed once is paid once
            for i in same[once[k]]:
                first = i == same[once[k]][0]
                out[i] = (paid_for if first else copies) + copies * (n - draws)
                if on_done is not None:
                    on_done(i, out[i])

        with no_gradients(self.engine.device):
            self.near_ties += sample(engine, once, draws, plan, finish)
        paid = sum((r.cost for replies in out for r in replies), Cost())
        self.spent += Cost(len(rows), paid.prompt_tokens, paid.output_tokens, time.perf_counter() - start)
        trim_heap()
        return out

    def score(self, prompts: Sequence[Prompt], candidates: Sequence[Sequence[str]]) -> list[list[list[float]]]:
        """How likely the candidates follow the prompts.

        Parameters
        ----------
        prompts : Sequence of Prompt
            N of them.
        candidates : Sequence of Sequence of str
            Texts for each prompt. One is tokenised on its own and follows the prompt's ids as it stands, no space and
            no mark put to it: its leading space is the caller's.

        Returns
        -------
        list of list of list of float
            Exact log-probabilities (nats) per prompt, candidate and token.

        Raises
        ------
        BadInput
            For a candidate without a token, and one that the tokenizer cannot write as it stands.
        PromptTooLong
            For a prompt that does not fit with its candidates.
        """
        start = time.perf_counter()
        tokens = continuations(self.tokenizer, candidates)
        for one in {c for own in tokens for c in own}:
            self._existing(one, "a candidate")
        engine, rows = self._marked(prompts, [max(map(len, own), default=0) for own in tokens])
        if engine.marks is not None:
            tokens = [[tuple(engine.continues(r, t) for t in c) for c in own] for r, own in zip(rows, tokens)]
        with no_gradients(self.engine.device):
            logprobs = score(engine, rows, tokens)
        self._spend(rows, sum(len(c) for own in tokens for c in own), start)
        return logprobs

    def next_token(
        self, prompts: Sequence[Prompt], *, top: int | None = None, ids: Sequence[int] | None = None
    ) -> list[TokenDistribution]:
        """The exact next-token distribution at temperature 1; prompts, ids and top as in `ScoringSubject.next_token`.

        Returns
        -------
        list of TokenDistribution
            N of them, in nats; the entropy is of the whole vocabulary.
        """
        start = time.perf_counter()
        engine, rows = self._marked(prompts, [1] * len(prompts))
        text_of = self._text_of()

        def use(i: int, logprobs_V: torch.Tensor) -> TokenDistribution:
            entropy = float(white_box.entropies(logprobs_V))
            return white_box.listed(logprobs_V, entropy, ids=ids, top=top, text_of=text_of)

        with no_gradients(self.engine.device):
            after = next_logprobs(engine, rows, use)
        self._spend(rows, 0, start)
        return after

    def capture(
        self,
        prompts: Sequence[Prompt],
        layers: Sequence[int],
        positions: str | Sequence[Sequence[int]] = "last",
    ) -> Activations:
        """States at every (layer, position) asked for: one forward, no head, nothing above the deepest layer.

        Parameters
        ----------
        prompts : Sequence of Prompt
            N of them, with their injections.
        layers : Sequence of int
            -1 and the numbers of blocks.
        positions : str or Sequence of Sequence of int
            "last" | "all" (but the first and attention sinks) | "every" | those of each prompt (negative from the end).

        Returns
        -------
        Activations
            Layer -> (n, D) float32 over the n places, prompts in order.

        Raises
        ------
        BadInput
            For a layer or position that does not exist.
        BadModel
            Where the model's blocks failed the self-test.
        """
        start = time.perf_counter()
        engine, rows = self._marked(prompts, [0] * len(prompts), white_box=True)
        with no_gradients(self.engine.device):
            record = self._record([tuple(map(engine.token, row)) for row in rows])
            states = white_box.captured(engine, rows, layers, positions, text_of=self._text_of(), record=record)
        self.spent += Cost(len(rows), sum(map(len, rows)), 0, time.perf_counter() - start)
        if sum(map(len, rows)) > self.engine.tokens:
            trim_heap()
        return states

    def with_adapter(self, folder: str) -> Local:
        """See `AdaptableSubject`; an adapter is loaded once. A folder may hold vectors instead."""
        return stacked(self, folder)

    def unembed(
        self, states_ND: Any, *, ids: Sequence[int] | None = None, top: int | None = None
    ) -> list[TokenDistribution]:
        """The model's own final norm and head (soft cap and scale included) on states: the logit lens
        (nostalgebraist 2020). Of the last layer it is the next-token distribution.

        Parameters
        ----------
        states_ND : array of shape (N, D)
        ids, top
            As in `next_token`.

        Returns
        -------
        list of TokenDistribution
            N of them, in nats.

        Raises
        ------
        BadInput
            For states of another shape, or with values that are no numbers.
        """
        self._inside()
        with no_gradients(self.engine.device):
            return white_box.unembedded(self.engine, states_ND, ids=ids, top=top, text_of=self._text_of())


def load(
    name: str,
    *,
    device: str | None = None,
    dtype: str | None = None,
    revision: str | None = None,
    adapter: str | None = None,
    say: bundled_models.Say = lambda line: None,
) -> Local:
    """A model that runs here, checked: its fast ways and its residual stream are compared with the plain ones.

    Parameters
    ----------
    name : str
        A short name (fetched on first use), folder, .gguf file, or hub name.
    device : str, optional
        cpu, cuda, cuda:1, mps; the first CUDA device where there is one, else the CPU.
    dtype : str, optional
        float32 | bfloat16 | float16; fp32 up to 2B parameters, above that the checkpoint's own (bf16 changes
        log-probabilities with the batch's shape).
    revision : str, optional
        Of a hub model.
    adapter : str, optional
        A PEFT folder, which is merged; one that was trained here stays beside the weights, switched as it was made.
    say : callable, optional
        Told in a line what is fetched.

    Returns
    -------
    Local
        Its tier is activations, or logprobs where its blocks failed the self-test.

    Raises
    ------
    UnknownName
        For a name that no model has, and a dtype that does not exist.
    BadModel
        For a model that cannot be loaded safely or at all.
    """
    import transformers
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    quiet_allocator()
    package = bundled_models.PACKAGES.get(name)
    if adapter is not None:
        refuse_decoder(adapter)
    live = adapter if adapter is not None and is_ours(adapter) else None  # one with a sidecar stays beside the weights
    merged = adapter if live is None else None
    read = read_checkpoint(name, device=device, dtype=dtype, revision=revision, adapter=merged, say=say)
    model, tokenizer = read.model, read.tokenizer
    packed = pack(model)
    engine, test = with_stream(checked(engine_of(model, tokenizer), read.context))
    context = min(read.context, engine.company.longest or read.context)
    refused = test.failure
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
        **({"adapter": merged} if merged else {}),
        **({"revision": read.commit} if read.commit else {}),
    }
    if engine.blocks is not None:
        engine = replace(engine, stack=AdapterStack(model, engine.blocks))
    local = Local(name, read.identity, bool(read.template), environment, tokenizer, engine, context)
    tier = "logprobs" if refused else "weights"
    local = replace(local, tier=tier, refused=refused, checks=test.checks)
    return local if live is None else put_on(local, live)

"""The open phantom: a scripted subject whose activations carry known directions, so that what is read is known.

Its stream (`open_phantom_stream`) is a few blocks of sums over words with known directions (`open_phantom_words`); its
next token follows from its last state (`open_phantom_model`). Only what is asked about injections is scripted
(`open_phantom_notice`): that question it reads from a prompt's inert tag, the answer from what was written.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, get_type_hints

import numpy as np

from selfscope.errors import BadInput, PromptTooLong, UnknownName
from selfscope.records import Cost, Decoding, Injection, Prompt, Reply, TokenDistribution, content_hash
from selfscope.records.numbers import finite_numbers
from selfscope.subjects.activations import CONVENTION, Activations
from selfscope.subjects.base import OnDone, unmasked
from selfscope.subjects.open_phantom_model import LAST, OpenPhantomModel
from selfscope.subjects.open_phantom_notice import NoticeDials, asks, reported_replies, reported_shares
from selfscope.subjects.open_phantom_reports import ScriptedReports
from selfscope.subjects.open_phantom_stream import LAYERS, Stream
from selfscope.subjects.open_phantom_words import WIDTH, columns, encoded, rendered, vocabulary
from selfscope.subjects.ordinary_tokens import ordinary
from selfscope.subjects.phantom_dials import Dials
from selfscope.subjects.places import columns_to_read, existing_layer

CONTEXT = 4096
FLOOR = 1e-12


class OpenPhantom:
    """A scripted subject of the tier activations, without a download: an `OpenSubject`. Its dials are from 0 to 1.

    Parameters
    ----------
    name : str
        As it is shown.
    carries : float
        How strongly its states carry a system message; at 0 nothing of it is there (the null of a probe).
    reads : float
        How far a vector that was written into a prompt is read as its word; at 0 a Patchscope reads nothing.
    notices : float
        How far it notices what was written: its answers to whether, where, where more and which word follow it.
    names : float
        How far it knows what was written: at 0 it finds the place of any change and the name of none.
    says_yes : float
        How far any injection moves it towards the word yes, whatever is asked (Hahami et al. 2025).
    seed : int
        Of the directions of its words and of the noise of its answers.
    rho : float
        Weight of the private state in what it does where it reports by script.
    **reports
        Report dials of the phantom (access, habit, copy ...). Where one is given, what it does in phenomena of
        self-report and what it says of itself follow the phantom's script; a vector sets its private state.

    Raises
    ------
    BadInput
        For a dial below 0 or above 1.
    UnknownName
        For a dial that does not exist.
    """

    settable: ClassVar[Mapping[str, Any]] = {
        **dict.fromkeys(("carries", "reads", "notices", "names", "says_yes", "rho"), float), **get_type_hints(Dials),
    }  # fmt: skip
    """Type of each dial that may stand in its name."""

    def __init__(
        self,
        name: str = "open-phantom",
        *,
        carries: float = 1.0,
        reads: float = 1.0,
        notices: float = 1.0,
        names: float = 1.0,
        says_yes: float = 0.0,
        seed: int = 0,
        rho: float = 0.5,
        **reports: Any,
    ) -> None:
        turned = {"carries": carries, "reads": reads, "notices": notices, "says_yes": says_yes}
        if names != 1:  # a dial that came later: without it the identity is what it was
            turned["names"] = names
        self.dials = {dial: float(value) for dial, value in turned.items()}
        for dial, value in self.dials.items():
            if not 0 <= value <= 1:
                raise BadInput(f"the dial {dial} is from 0 to 1, not {value}")
        for dial in reports:
            if dial not in self.settable:
                raise UnknownName("dial", dial, self.settable)
        self.name, self.seed = name, seed
        self._script = ScriptedReports(Dials(**reports, seed=seed), seed=seed, rho=rho) if reports else None
        self._reports = {"rho": rho, **reports}
        self.tier, self.chat = "activations", True
        script = (self._script.identity,) if self._script else ()
        self.identity = content_hash("open phantom", self.dials, seed, self.vocabulary_hash, *script)
        self.environment: Mapping[str, Any] = {"engine": "open phantom", "dtype": "float64"}
        self._model = OpenPhantomModel(Stream(seed, self.dials["carries"], self.dials["reads"]))
        self._dials = NoticeDials(seed, notices, says_yes, names)

    def sample(
        self, prompts: Sequence[Prompt], n: int, decoding: Decoding, on_done: OnDone | None = None
    ) -> list[list[Reply]]:
        """n replies a prompt, and a greedy one where the decoding wants it: the dials' answer to a question about
        injections, else the prompt gone on with. A draw depends on the decoding's seed, the prompt's tokens and its
        number alone.

        Raises
        ------
        BadInput
            For what cannot be written into a prompt, here as in every other call.
        """
        out = []
        for index, prompt in enumerate(prompts):
            start = time.perf_counter()
            if asks(prompt):
                texts = reported_replies(self._model, self._dials, prompt, n, decoding)
            elif self._scripted(prompt):
                script = self._script.sample([prompt], n, decoding)[0]  # type: ignore[union-attr]
                texts = [(reply.text, reply.finish) for reply in script]
            else:
                texts = self._model.replies(prompt, n, decoding)
            size, seconds = len(self.encode(prompt)), (time.perf_counter() - start) / max(1, len(texts))
            replies = [Reply(t, f, cost=Cost(1, size, len(encoded(t)), seconds)) for t, f in texts]
            out.append(replies)
            if on_done:
                on_done(index, replies)
        return out

    def score(self, prompts: Sequence[Prompt], candidates: Sequence[Sequence[str]]) -> list[list[list[float]]]:
        """Exact log-probabilities (nats) per prompt, candidate and token; an answer about injections is one token.

        Raises
        ------
        ValueError
            For a candidate without a token.
        """
        known: dict[Any, list[list[float]]] = {}  # equal prompts are scored once: the arms of a reading share theirs
        out = []
        for prompt, texts in zip(prompts, candidates, strict=True):
            if asks(prompt):
                shares = reported_shares(self._model, self._dials, prompt, texts)
                out.append([[math.log(max(p, FLOOR))] for p in shares])
                continue
            if self._scripted(prompt):
                out.append(self._script.score([prompt], [texts])[0])  # type: ignore[union-attr]
                continue
            key = (self.encode(prompt), prompt.interventions, tuple(texts))
            if key not in known:
                known[key] = self._model.scores(prompt, texts)
            out.append(known[key])
        return out

    def next_token(
        self, prompts: Sequence[Prompt], *, top: int | None = None, ids: Sequence[int] | None = None
    ) -> list[TokenDistribution]:
        """The exact next-token distribution: `unembed` of the last layer's state at the last position."""
        own = [prompt for prompt in prompts if not self._scripted(prompt)]
        states = [self._model.run(prompt, [len(self.encode(prompt)) - 1])[0][LAST] for prompt in own]
        read = iter(self._model.distributions(np.concatenate(states), ids, top) if states else [])
        scripted = self._script
        return [
            scripted.next_token([p], top=top, ids=ids)[0] if scripted and self._scripted(p) else next(read)
            for p in prompts
        ]

    def _scripted(self, prompt: Prompt) -> bool:
        """Whether the report dials answer it."""
        return self._script is not None and not asks(prompt) and self._script.answers(prompt)

    def encode(self, prompt: Prompt) -> tuple[int, ...]:
        """Exact token ids of a prompt, the marks of its turns included.

        Raises
        ------
        BadInput
            For a prompt without a token, and an id that is not in the vocabulary.
        PromptTooLong
            For one of more than 4095 tokens.
        """
        ids = rendered(prompt)
        if len(ids) >= CONTEXT:
            raise PromptTooLong(
                f"a prompt of {len(ids)} tokens and 1 more do not fit into the {CONTEXT} tokens of {self.name}. "
                "Shorten the prompt."
            )
        unmasked([prompt], self.name)
        if self._script is not None:
            self._script.encoded(prompt, ids)
        return ids

    @property
    def layers(self) -> range:
        """Numbers of its blocks, 0 to 5."""
        return range(LAYERS)

    @property
    def width(self) -> int:
        """D, 256."""
        return WIDTH

    @property
    def vocabulary_hash(self) -> str:
        """Hash of its tokens."""
        return vocabulary().identity

    def capture(
        self, prompts: Sequence[Prompt], layers: Sequence[int], positions: str | Sequence[Sequence[int]] = "last"
    ) -> Activations:
        """States of the stream, after what is written there; layers are -1 to 5.

        Returns
        -------
        Activations
            Layer -> (n, 256) float32.

        Raises
        ------
        BadInput
            For a layer or position that does not exist.
        """
        for layer in layers:
            existing_layer(layer, LAYERS)
        rows = [self.encode(prompt) for prompt in prompts]
        columns = columns_to_read(positions, [len(row) for row in rows])
        runs = [self._model.run(prompt, own)[0] for prompt, own in zip(prompts, columns, strict=True)]
        empty = np.zeros((0, WIDTH))
        states = {k: np.concatenate([empty, *(run[k] for run in runs)]).astype(np.float32) for k in layers}
        places = [(i, c) for i, own in enumerate(columns) for c in own]
        if positions == "all":
            keep = ordinary(states, [len(own) for own in columns])
            states, places = {k: v[keep] for k, v in states.items()}, [places[i] for i in keep]
        tokens = tuple(vocabulary().tokens[rows[i][c]] for i, c in places)
        record = {
            "subject": self.identity,
            "model": self.name,
            "tokenizer": self.vocabulary_hash,
            "standing": len(self._model.standing),
            "prompts": [content_hash(row) for row in rows],
            "convention": CONVENTION,
            "dtype": "float64",
        }
        return Activations(tuple(places), states, tokens, record)

    def unembed(
        self, states_ND: Any, *, ids: Sequence[int] | None = None, top: int | None = None
    ) -> list[TokenDistribution]:
        """Softmax of the inner products of states (N, 256) with the directions of the tokens.

        Raises
        ------
        BadInput
            For another shape, and for values that are no numbers.
        """
        states = finite_numbers(states_ND, "states to unembed").astype(np.float64)
        if states.ndim != 2 or states.shape[1] != WIDTH:
            raise BadInput(f"states are (N, {WIDTH}) for this model, not {tuple(states.shape)}")
        return self._model.distributions(states, ids, top)

    def intervened(self, injections: Sequence[Injection]) -> OpenPhantom:
        """This phantom with injections in every prompt, before the prompt's own: another subject, with its own
        identity."""
        other = OpenPhantom(self.name, **self.dials, seed=self.seed, **(self._reports if self._script else {}))
        other._model = replace(self._model, standing=self._model.standing + tuple(injections))
        other.identity = content_hash(self.identity, injections)
        return other

    def positions(self, prompt: Prompt, text: str, occurrence: int = -1) -> tuple[int, ...]:
        """Columns of the tokens that spell a text in a prompt (its last occurrence unless told else).

        Raises
        ------
        BadInput
            Where the text does not occur as often.
        """
        return columns(self.encode(prompt), text, occurrence)

    def token_texts(self, prompt: Prompt) -> list[str]:
        """The tokens of a prompt as text, by position; together they are the prompt."""
        return [vocabulary().tokens[i] for i in self.encode(prompt)]

    def median_norm(self, layer: int) -> float:
        """The median norm of ordinary tokens at a layer, over neutral sentences.

        Raises
        ------
        BadInput
            For a layer that does not exist.
        """
        return self._model.median_norm(layer)

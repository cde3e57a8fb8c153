"""What a subject offers, by access tier. A subject is exactly what is asked: weights, adapter, template, dtype."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from selfscope.errors import Unsupported
from selfscope.records import Decoding, Prompt, Reply, TokenDistribution
from selfscope.subjects.activations import Activations

TIERS = ("text", "logprobs", "activations", "weights")
OnDone = Callable[[int, Any], None]


@runtime_checkable
class Subject(Protocol):
    """What is asked. Lists in, lists of the same length out; batching, padding and threads are inside.

    One that takes masked prompts has a true `masks` too; a study refuses them for any other.

    Attributes
    ----------
    name : str
        As the user gave it.
    identity : str
        Content hash of weights, adapter, tokenizer, template, dtype.
    tier : str
        One of TIERS.
    chat : bool
        It has a chat template (a base model is read by log-probability formats only).
    environment : Mapping of str to Any
        Device, versions, a server's fingerprint: recorded, not hashed.
    """

    name: str
    identity: str
    tier: str
    chat: bool
    environment: Mapping[str, Any]

    def sample(
        self, prompts: Sequence[Prompt], n: int, decoding: Decoding, on_done: OnDone | None = None
    ) -> list[list[Reply]]:
        """n replies a prompt.

        Parameters
        ----------
        prompts : Sequence of Prompt
            N of them.
        n : int
            Replies a prompt at the decoding's temperature; one more, the last, with `decoding.and_greedy`.
        decoding : Decoding
            Noise is keyed by its seed and the prompt, never by the batch.
        on_done : callable, optional
            Called with (index, replies) as each prompt is done.

        Returns
        -------
        list of list of Reply
            One list a prompt, N in all.
        """
        ...


@runtime_checkable
class ScoringSubject(Subject, Protocol):
    """Tier logprobs: exact log-probabilities, in nats.

    One whose tokenizer cannot write every text has a `writable(texts)` too, a truth value for each: what it cannot
    write is not scored, and a question that hangs on it is unsupported."""

    def score(self, prompts: Sequence[Prompt], candidates: Sequence[Sequence[str]]) -> list[list[list[float]]]:
        """How likely the candidates follow the prompts.

        Parameters
        ----------
        prompts : Sequence of Prompt
            N of them.
        candidates : Sequence of Sequence of str
            Texts for each prompt; their leading space is the caller's.

        Returns
        -------
        list of list of list of float
            Log-probabilities (nats) per prompt, candidate and token.
        """
        ...

    def next_token(
        self, prompts: Sequence[Prompt], *, top: int | None = None, ids: Sequence[int] | None = None
    ) -> list[TokenDistribution]:
        """The exact next-token distribution at temperature 1.

        Parameters
        ----------
        prompts : Sequence of Prompt
            N of them.
        top : int, optional
            So many of the likeliest tokens (10 where nothing is listed).
        ids : Sequence of int, optional
            Tokens that are listed before them.

        Returns
        -------
        list of TokenDistribution
            N of them: log-probabilities (nats) of the listed ids and then of the likeliest; the entropy (nats) is of
            the whole vocabulary.
        """
        ...

    def encode(self, prompt: Prompt) -> tuple[int, ...]:
        """Exact token ids of a prompt.

        Parameters
        ----------
        prompt : Prompt
            Of any form.

        Returns
        -------
        tuple of int
            Template and BOS included.
        """
        ...


@runtime_checkable
class OpenSubject(ScoringSubject, Protocol):
    """Tier activations: its residual stream is read and written. Injections ride on the prompts of any other call.

    Layer k is the output of block k, from 0, before the final norm; -1 is what enters block 0. D is the width.
    """

    @property
    def layers(self) -> range:
        """Numbers of its blocks."""
        ...

    @property
    def width(self) -> int:
        """D."""
        ...

    def capture(
        self, prompts: Sequence[Prompt], layers: Sequence[int], positions: str | Sequence[Sequence[int]] = "last"
    ) -> Activations:
        """States of the residual stream at every (layer, position).

        Parameters
        ----------
        prompts : Sequence of Prompt
            Their injections are carried out: a state is read after what is written there.
        layers : Sequence of int
            -1 and the numbers of blocks.
        positions : str or Sequence of Sequence of int
            "last" | "all" (ordinary tokens: not the first, no attention sinks) | "every" | those of each prompt,
            negative ones from its end.

        Returns
        -------
        Activations
            Layer -> (n, D) float32 over the n places, prompts in order.

        Raises
        ------
        BadInput
            For a layer or position that does not exist.
        """
        ...

    def unembed(
        self, states_ND: Any, *, ids: Sequence[int] | None = None, top: int | None = None
    ) -> list[TokenDistribution]:
        """Its own final norm and head on states.

        Parameters
        ----------
        states_ND : array of shape (N, D)
            States of any layer.
        ids, top
            As in `next_token`.

        Returns
        -------
        list of TokenDistribution
            N of them; of the last layer's state at the last position it is `next_token`.

        Raises
        ------
        BadInput
            For states of another shape, or with values that are no numbers.
        """
        ...

    def positions(self, prompt: Prompt, text: str, occurrence: int = -1) -> tuple[int, ...]:
        """Columns of the tokens that spell a text in a prompt.

        Parameters
        ----------
        prompt : Prompt
        text : str
            As it stands in the prompt.
        occurrence : int
            Which one, where it stands there several times: 0 is the first, -1 the last.

        Returns
        -------
        tuple of int
            Positions from 0.

        Raises
        ------
        BadInput
            Where the text does not occur as often.
        """
        ...

    def token_texts(self, prompt: Prompt) -> list[str]:
        """The tokens of a prompt as text.

        Parameters
        ----------
        prompt : Prompt
            Of any form.

        Returns
        -------
        list of str
            By position, template and BOS included.
        """
        ...

    def median_norm(self, layer: int) -> float:
        """The median norm of ordinary tokens at a layer.

        Parameters
        ----------
        layer : int
            From -1.

        Returns
        -------
        float
            The unit "median" of an injection's strength.
        """
        ...


@runtime_checkable
class AdaptableSubject(OpenSubject, Protocol):
    """Tier weights: adapters are put on it."""

    def with_adapter(self, folder: str) -> OpenSubject:
        """Another subject: this one with the adapter of a folder on, which was trained on it. Raises BadInput for one
        of another subject, BadModel for a damaged one."""
        ...


def reaches(subject: Subject, tier: str) -> bool:
    """Whether the subject's access tier includes `tier`."""
    return TIERS.index(subject.tier) >= TIERS.index(tier)


def lacking(name: str, tier: str, needed: str) -> Unsupported:
    """The error of a subject of this name whose tier does not reach the needed one: raise it."""
    where = "a model that runs here, as smollm2-135m" if needed in ("activations", "weights") else "another subject"
    return Unsupported(f"{name} offers the tier {tier}; this needs the tier {needed}: {where}")


def unmasked(prompts: Sequence[Prompt], name: str) -> Sequence[Prompt]:
    """The prompts. Raises Unsupported where one is masked, for a subject whose rows attend to all of their tokens."""
    if any(prompt.masked for prompt in prompts):
        raise Unsupported(f"{name} takes no masked prompts: a model that runs here does, as smollm2-135m")
    return prompts


class Lacking(Unsupported, AttributeError):
    """A part of a higher tier was looked up: to `hasattr` it is not there."""


DEPTHS = (0.1, 0.25, 0.4, 0.55, 0.7, 0.85, 1.0)
"""Parts of the depth among which a layer is chosen where none is given."""


def depths(subject: OpenSubject) -> list[int]:
    """Layers at DEPTHS, in order."""
    last = len(subject.layers) - 1
    return sorted({round(d * last) for d in DEPTHS})


def middle(subject: OpenSubject) -> int:
    """The middle one of `depths`."""
    layers = depths(subject)
    return layers[len(layers) // 2]

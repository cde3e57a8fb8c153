"""How a subject is called, and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """What a call took; costs add up.

    Attributes
    ----------
    calls : int
        Prompts sent to a subject.
    prompt_tokens, output_tokens : int
        Tokens read and written.
    seconds : float
        Wall time.
    """

    calls: int = 0
    prompt_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.calls + other.calls,
            self.prompt_tokens + other.prompt_tokens,
            self.output_tokens + other.output_tokens,
            self.seconds + other.seconds,
        )


@dataclass(frozen=True)
class Decoding:
    """How to sample. Noise is keyed by (seed, prompt, draw, step), never by the batch.

    Attributes
    ----------
    max_tokens : int
        Tokens at most of a reply.
    temperature : float
        0 is greedy.
    seed : int
        Of the noise.
    stop : tuple of str
        Texts that end a reply; they are not part of it.
    and_greedy : bool
        Beside the n draws one greedy reply, the last: the prompt is read once for both.
    """

    max_tokens: int = 24
    temperature: float = 1.0
    seed: int = 0
    stop: tuple[str, ...] = ()
    and_greedy: bool = False


@dataclass(frozen=True)
class Reply:
    """What a subject said to one prompt, once.

    Attributes
    ----------
    text : str
        Without the prompt and without its prefix.
    finish : str
        stop, length, refused or error.
    ids : tuple of int or None
        (T,) its token ids, where the subject gives them.
    logprobs : tuple of float or None
        (T,) their log-probabilities in nats, where the subject gives them.
    cost : Cost
        Its part of the call.
    error : str or None
        What went wrong, where it finished with an error.
    """

    text: str
    finish: str = "stop"
    ids: tuple[int, ...] | None = None
    logprobs: tuple[float, ...] | None = None
    cost: Cost = Cost()
    error: str | None = None


@dataclass(frozen=True)
class TokenDistribution:
    """What may come next: the listed tokens, and the openness of the whole distribution.

    Attributes
    ----------
    ids : tuple of int
        (M,) the listed token ids.
    logprobs : tuple of float
        (M,) their log-probabilities in nats.
    entropy : float
        Nats, of the distribution over the whole vocabulary.
    tokens : tuple of str
        (M,) their texts.
    """

    ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    entropy: float
    tokens: tuple[str, ...] = ()

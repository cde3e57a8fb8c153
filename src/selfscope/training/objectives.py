"""What a report should come close to: pure functions of the log-probabilities of its answers.

Axes: C candidates, K options.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from selfscope.errors import UnknownName
from selfscope.training.examples import Example

NOTHING = 1e-6
"""Of the probability that is beside the candidates, at least: below is rounding."""
Objective = Callable[[torch.Tensor, Example], torch.Tensor]
"""(C,) log-probabilities of an example's candidates, with their gradient -> its loss in nats."""


def option_logprobs(logprobs_C: torch.Tensor, option_index: Sequence[int], options: int) -> torch.Tensor:
    """(K,) log-probability of each option: of all candidates that mean it."""
    index = torch.tensor(option_index, device=logprobs_C.device)
    return torch.stack([torch.logsumexp(logprobs_C[index == k], 0) for k in range(options)])


def soft_labels(logprobs_C: torch.Tensor, example: Example) -> torch.Tensor:
    """Cross-entropy of the report, as shares of the listed options, under the wanted distribution."""
    shares_K = option_logprobs(logprobs_C, example.option_index, len(example.target)).log_softmax(0)
    return -(_target(logprobs_C, example) * shares_K).sum()


def hard_labels(logprobs_C: torch.Tensor, example: Example) -> torch.Tensor:
    """The same towards the likeliest option alone."""
    shares_K = option_logprobs(logprobs_C, example.option_index, len(example.target)).log_softmax(0)
    return -shares_K[int(torch.tensor(example.target).argmax())]


def vocabulary(logprobs_C: torch.Tensor, example: Example) -> torch.Tensor:
    """Cross-entropy over the whole vocabulary: what is said beside the listed options counts against it."""
    whole_K = option_logprobs(logprobs_C, example.option_index, len(example.target))
    return -(_target(logprobs_C, example) * whole_K).sum()


def mostly_options(logprobs_C: torch.Tensor, example: Example) -> torch.Tensor:
    """`soft_labels` and a tenth of what the listed options lack: the content first, and that one of them is said."""
    lacking = -torch.logsumexp(logprobs_C, 0)
    return soft_labels(logprobs_C, example) + 0.1 * lacking


def brier(logprobs_C: torch.Tensor, example: Example) -> torch.Tensor:
    """Squared distance of the report from the wanted distribution: a proper score with a bound (Brier 1950)."""
    shares_K = option_logprobs(logprobs_C, example.option_index, len(example.target)).softmax(0)
    return ((shares_K - _target(logprobs_C, example)) ** 2).sum()


def kept(logprobs_C: torch.Tensor, example: Example) -> torch.Tensor:
    """Cross-entropy of the whole distribution: of the candidates, and of all that is beside them as one outcome.

    Without the rest a distribution over the likeliest tokens alone teaches away what they lack: of SmolLM2-135M's
    first tokens the 40 likeliest hold 0.78, and a model that fits them as if they were all is 0.25 nats away."""
    beside = -torch.expm1(torch.logsumexp(logprobs_C, 0).clamp(max=-NOTHING))
    return (1 - example.rest) * vocabulary(logprobs_C, example) - example.rest * beside.log()


def right(logprobs_C: torch.Tensor, example: Example) -> bool:
    """Whether the likeliest option is the one that is wanted most."""
    shares_K = option_logprobs(logprobs_C, example.option_index, len(example.target))
    return int(shares_K.argmax()) == int(torch.tensor(example.target).argmax())


def _target(like: torch.Tensor, example: Example) -> torch.Tensor:
    return torch.tensor(example.target, device=like.device, dtype=like.dtype)


OBJECTIVES: Mapping[str, Objective] = {
    "soft_labels": soft_labels, "hard_labels": hard_labels, "vocabulary": vocabulary,
    "mostly_options": mostly_options, "brier": brier,
}  # fmt: skip


def loss_of(name: str, logprobs_C: torch.Tensor, example: Example) -> torch.Tensor:
    """The loss of an example under an objective. A single option is a text to say: the whole vocabulary counts there,
    whatever the objective is; and so it does where the rest beside the candidates is known."""
    if example.rest:
        return kept(logprobs_C, example)
    if len(example.target) == 1:
        return vocabulary(logprobs_C, example)
    loss: torch.Tensor = objective_of(name)(logprobs_C, example)
    return loss


def objective_of(name: str) -> Any:
    """The objective of a name. Raises UnknownName."""
    if name not in OBJECTIVES:
        raise UnknownName("objective", name, OBJECTIVES)
    return OBJECTIVES[name]

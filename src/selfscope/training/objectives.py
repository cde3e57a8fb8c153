"""What a report should come close to: pure functions of the log-probabilities of its answers.

Axes: C candidates, K options.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch

from selfscope.errors import BadInput, UnknownName
from selfscope.training.examples import BEHAVIOUR, Example

NOTHING = 1e-6
"""Of the probability that is beside the candidates, at least: below is rounding."""
Objective = Callable[[torch.Tensor, Example], torch.Tensor]
"""(C,) log-probabilities of an example's candidates, with their gradient -> its loss, in nats but for UNITS."""
KEEP = "mostly_options"
"""By which ordinary replies are kept, whatever reports are taught by."""
BETA = 0.1
"""Of `dpo`, as in the paper: how far the odds may go from the reference's."""
KL_WEIGHT = 0.05
"""What a nat away from the reference costs in `rl_*`, whose scores differ by at most 2."""


def option_logprobs(logprobs_C: torch.Tensor, example: Example) -> torch.Tensor:
    """(K,) log-probability of each option: of all candidates that mean it, or that state it as far as they do."""
    if example.stated:
        stated_CK = _like(logprobs_C, example.stated)
        return torch.logsumexp(logprobs_C[:, None] + stated_CK.log(), 0)
    index = torch.tensor(example.option_index, device=logprobs_C.device)
    return torch.stack([torch.logsumexp(logprobs_C[index == k], 0) for k in range(len(example.target))])


def option_shares(logprobs_C: torch.Tensor, example: Example) -> torch.Tensor:
    """(K,) log-shares of the options among what is listed: the report."""
    return option_logprobs(logprobs_C, example).log_softmax(0)


def soft_labels(logprobs_C: torch.Tensor, example: Example) -> torch.Tensor:
    """Cross-entropy of the report, as shares of the listed options, under the wanted distribution."""
    return -(_like(logprobs_C, example.target) * option_shares(logprobs_C, example)).sum()


def hard_labels(logprobs_C: torch.Tensor, example: Example) -> torch.Tensor:
    """The same towards the likeliest option alone."""
    return -option_shares(logprobs_C, example)[int(torch.tensor(example.target).argmax())]


def vocabulary(logprobs_C: torch.Tensor, example: Example) -> torch.Tensor:
    """Cross-entropy over the whole vocabulary: what is said beside the listed options counts against it."""
    return -(_like(logprobs_C, example.target) * option_logprobs(logprobs_C, example)).sum()


def mostly_options(logprobs_C: torch.Tensor, example: Example) -> torch.Tensor:
    """`soft_labels` and a tenth of what the listed options lack: the content first, and that one of them is said."""
    lacking = -torch.logsumexp(logprobs_C, 0)
    return soft_labels(logprobs_C, example) + 0.1 * lacking


def brier(logprobs_C: torch.Tensor, example: Example) -> torch.Tensor:
    """Squared distance of the report from the wanted distribution: a proper score with a bound (Brier 1950)."""
    shares_K = option_shares(logprobs_C, example).exp()
    return ((shares_K - _like(logprobs_C, example.target)) ** 2).sum()


def dpo(logprobs_C: torch.Tensor, example: Example, *, beta: float = BETA) -> torch.Tensor:
    """Direct preference optimisation (Rafailov et al. 2023) of true reports over false ones.

    A true report is one that is drawn from the wanted distribution, a false one any other option, each as often. The
    mean over all pairs is exact, nothing is drawn. At its minimum the odds of two options are the reference's times
    (wanted odds) ** (1 / beta): it teaches which is true, and no calibration."""
    own_K = option_logprobs(logprobs_C, example)
    gain_K = own_K - option_logprobs(_reference(logprobs_C, example, "dpo"), example)
    margin_KK = beta * (gain_K[:, None] - gain_K[None, :])
    others_KK = 1 - torch.eye(len(gain_K), device=gain_K.device, dtype=gain_K.dtype)
    weight_KK = _like(logprobs_C, example.target)[:, None] * others_KK / (len(gain_K) - 1)
    return -(weight_KK * torch.nn.functional.logsigmoid(margin_KK)).sum()


def score(name: str, report_K: torch.Tensor, truth_K: torch.Tensor) -> torch.Tensor:
    """Expected score of a report when the outcome is drawn from the truth; axes before K stay.

    brier 2 q.t - |q|^2 and spherical q.t / |q| are proper and bounded: highest where the report is the truth (Gneiting
    and Raftery 2007). right, q.t, is not proper: highest for naming the likeliest option always."""
    inner = (report_K * truth_K).sum(-1)
    square = (report_K**2).sum(-1)
    return {"brier": 2 * inner - square, "spherical": inner / square.sqrt(), "right": inner}[name]


def reward(name: str, logprobs_C: torch.Tensor, example: Example) -> torch.Tensor:
    """Expected score of the reports of a policy. The answers are listed, so it is exact and nothing is sampled: its
    gradient is the policy gradient itself (Williams 1992) without the noise of draws.

    Where candidates state probabilities, each is scored as it stands (as RLCR, Damani et al. 2025, scores a stated
    confidence). Where each names an option, the report is their distribution."""
    truth_K = _like(logprobs_C, example.target)
    if example.stated:
        return (logprobs_C.softmax(0) * score(name, _like(logprobs_C, example.stated), truth_K)).sum()
    return score(name, option_shares(logprobs_C, example).exp(), truth_K)


def rl(name: str, logprobs_C: torch.Tensor, example: Example, *, kl: float = KL_WEIGHT) -> torch.Tensor:
    """The reward, negative, and what it costs to leave the reference: KL of the answers from those before training."""
    shares_C = logprobs_C.log_softmax(0)
    before_C = _reference(logprobs_C, example, f"rl_{name}").log_softmax(0)
    return kl * divergence(shares_C, before_C) - reward(name, logprobs_C, example)


def divergence(log_p: torch.Tensor, log_q: torch.Tensor) -> torch.Tensor:
    """KL (nats) of p from q, both (K,) log-shares."""
    return (log_p.exp() * (log_p - log_q)).sum()


def agreement(report_K: torch.Tensor, behaviour_K: torch.Tensor) -> torch.Tensor:
    """Half of the KL both ways between log-shares of the report and of the behaviour: either may move, and no label is
    used (cf. self-consistency by reward, arXiv 2606.18327). Two sides that say nothing agree too: look at `shift`."""
    return 0.5 * (divergence(report_K, behaviour_K) + divergence(behaviour_K, report_K))


def report_agreement(report_K: torch.Tensor, behaviour_K: torch.Tensor) -> torch.Tensor:
    """KL of the report from the behaviour as it is now, which gets no gradient: the report is to move."""
    return divergence(behaviour_K.detach(), report_K)


def kept(logprobs_C: torch.Tensor, example: Example) -> torch.Tensor:
    """Cross-entropy of the whole distribution: of the candidates, and of all that is beside them as one outcome.

    Without the rest a distribution over the likeliest tokens alone teaches away what they lack."""
    beside = -torch.expm1(torch.logsumexp(logprobs_C, 0).clamp(max=-NOTHING))
    return (1 - example.rest) * vocabulary(logprobs_C, example) - example.rest * beside.log()


def right(logprobs_C: torch.Tensor, example: Example) -> bool:
    """Whether the likeliest option is the one that is wanted most."""
    shares_K = option_logprobs(logprobs_C, example)
    return int(shares_K.argmax()) == int(torch.tensor(example.target).argmax())


def shift(logprobs_C: torch.Tensor, example: Example) -> float:
    """How far the listed options moved since before training: KL (nats) of their shares then from now."""
    before_K = option_shares(_reference(logprobs_C, example, "the shift"), example)
    return float(divergence(before_K, option_shares(logprobs_C, example)))


def _like(like: torch.Tensor, numbers: Sequence[float] | Sequence[Sequence[float]]) -> torch.Tensor:
    return torch.tensor(numbers, device=like.device, dtype=like.dtype)


def _reference(like: torch.Tensor, example: Example, who: str) -> torch.Tensor:
    if not example.reference:
        raise BadInput(f"{who} compares with what was likely before training, and an example lacks it: `referred` it")
    return _like(like, example.reference)


OBJECTIVES: Mapping[str, Objective] = {
    "soft_labels": soft_labels, "hard_labels": hard_labels, "vocabulary": vocabulary,
    "mostly_options": mostly_options, "brier": brier, "dpo": dpo, "rl_brier": partial(rl, "brier"),
    "rl_spherical": partial(rl, "spherical"), "rl_right": partial(rl, "right"),
}  # fmt: skip
"""Of one example."""
AGREEMENTS: Mapping[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "agreement": agreement, "report_agreement": report_agreement,
}  # fmt: skip
"""Of a report and of the behaviour of its group: (K,) log-shares of both -> loss in nats."""
REFERRING = ("dpo", "rl_brier", "rl_spherical", "rl_right")
"""Those that compare with what was likely before training."""


UNITS: Mapping[str, str] = {
    "brier": "(squared distance)", **dict.fromkeys(REFERRING[1:], "(nats away, in part, less the score)"),
}  # fmt: skip
"""Of losses that are not in nats."""
LABELLED = tuple(name for name in OBJECTIVES if name not in REFERRING)
"""Those that need nothing but what is wanted."""


def unit_of(name: str) -> str:
    """What a mean loss of an objective is counted in."""
    return UNITS.get(name, "nats")


def need_labels_alone(name: str, who: str) -> None:
    """Raises BadInput for an objective that compares with what is not there, where something is taught by labels."""
    if objective_of(name) and name not in LABELLED:
        raise BadInput(f"{who} is not trained by {name}, but by one of: {', '.join(LABELLED)}")


def losses_of(name: str, found: Sequence[torch.Tensor], examples: Sequence[Example]) -> list[torch.Tensor]:
    """The loss of each example under an objective; examples of a group stand in one call.

    A single option is a text to say: the whole vocabulary counts there, whatever the objective is. A behaviour is kept
    as it was measured; under an agreement it has no loss of its own.

    Raises UnknownName, and BadInput for a report without a behaviour under an agreement."""
    pairs = list(zip(found, examples, strict=True))
    done = {e.group: option_shares(x, e) for x, e in pairs if e.kind == BEHAVIOUR}
    return [_loss(name, x, e, done) for x, e in pairs]


def _loss(name: str, logprobs_C: torch.Tensor, example: Example, done: Mapping[str, torch.Tensor]) -> torch.Tensor:
    own = example.objective or name
    if example.rest:
        return kept(logprobs_C, example)
    if len(example.target) == 1:
        return vocabulary(logprobs_C, example)
    if example.kind == BEHAVIOUR:
        return 0 * logprobs_C.sum() if own in AGREEMENTS else soft_labels(logprobs_C, example)
    if own not in AGREEMENTS:
        loss: torch.Tensor = objective_of(own)(logprobs_C, example)
        return loss
    if example.group not in done:
        raise BadInput(f"{own} compares reports with what is done: teach truths[behaviours=true]")
    return AGREEMENTS[own](option_shares(logprobs_C, example), done[example.group])


def objective_of(name: str) -> Any:
    """The objective of a name. Raises UnknownName."""
    every = {**OBJECTIVES, **AGREEMENTS}
    if name not in every:
        raise UnknownName("objective", name, every)
    return every[name]

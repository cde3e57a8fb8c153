"""Lets the subject behave, and what its replies amount to: shared by all phenomena whose truth is a frequency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from selfscope.errors import ServerError
from selfscope.quantities import distribution, measure
from selfscope.records import Cost, Decoding, Observation, Prompt, Reply, Trial, Truth
from selfscope.subjects.base import ScoringSubject, Subject, reaches

LINE_END = ("\n",)


def distinct(trials: Sequence[Trial]) -> dict[str, Trial]:
    """The first trial of each observation, in order of first use."""
    first: dict[str, Trial] = {}
    for trial in trials:
        first.setdefault(trial.observation, trial)
    return first


def seed_of(trials: Sequence[Trial]) -> int:
    """The seed that these trials were posed with."""
    return int(trials[0].coordinates.get("seed", 0)) if trials else 0


def behaved(
    subject: Subject, trials: Sequence[Trial], n: int, *, max_tokens: int, exact_ids: bool = False
) -> list[Observation]:
    """n replies at temperature 1 and a greedy one for each distinct observation: one batched call.

    exact_ids: the subject goes on from exact token ids (recorded in `exact["ids"]`) where it has them.
    """
    first = distinct(trials)
    prompts = [trial.prompt for trial in first.values()]
    if exact_ids and reaches(subject, "logprobs"):
        prompts = exact_prompts(subject, prompts)  # type: ignore[arg-type]
    seed = seed_of(trials)
    sampled = subject.sample(prompts, n, Decoding(max_tokens, 1.0, seed, LINE_END, and_greedy=True))
    return [
        Observation(
            key,
            replies=reply_texts(replies[:-1], key),
            greedy=replies[-1].text if replies[-1].finish != "error" else None,
            exact={"ids": list(prompt.ids)} if prompt.ids is not None else {},
            cost=sum((reply.cost for reply in replies), Cost()),
        )
        for key, prompt, replies in zip(first, prompts, sampled, strict=True)
    ]


def exact_prompts(subject: ScoringSubject, prompts: Sequence[Prompt]) -> list[Prompt]:
    """The same prompts as exact token ids; masked ones as they are, since of ids nobody can tell which are secret."""
    return [
        prompt
        if prompt.masked
        else Prompt(ids=subject.encode(prompt), interventions=prompt.interventions, tag=prompt.tag)
        for prompt in prompts
    ]


def reply_texts(replies: Sequence[Reply], what: str) -> tuple[str, ...]:
    """Texts of the replies that arrived. Raises ServerError when fewer than half did."""
    texts = tuple(reply.text for reply in replies if reply.finish != "error")
    if 2 * len(texts) < len(replies) or not texts:
        errors = next((reply.error for reply in replies if reply.error), "no reason given")
        raise ServerError(f"only {len(texts)} of {len(replies)} replies arrived ({what}): {errors}")
    return texts


def frequencies(trial: Trial, observation: Observation) -> Truth:
    """Frequencies of the options among the replies; the halves are the even and the odd draws."""
    question, texts = trial.question, observation.replies
    mean = distribution(question, texts)
    if mean is None:
        raise ValueError(f"{question.quantity!r} cannot be told from replies (trial {trial.id})")
    half_a = distribution(question, texts[::2]) or mean
    half_b = distribution(question, texts[1::2]) or mean
    greedy = None
    if observation.greedy is not None:
        key = measure(question, observation.greedy)
        greedy = next((i for i, option in enumerate(question.options) if option.key == key), None)
    return Truth(trial.id, mean, half_a, half_b, len(texts), "rollouts", greedy)


def by_key(observations: Sequence[Observation]) -> Mapping[str, Observation]:
    """Observations by their key."""
    return {observation.key: observation for observation in observations}


def known(trial: Trial, mean: tuple[float, ...], grade: str) -> Truth:
    """A truth without noise."""
    top = max(range(len(mean)), key=lambda i: mean[i])
    return Truth(trial.id, mean, mean, mean, 0, grade, top)

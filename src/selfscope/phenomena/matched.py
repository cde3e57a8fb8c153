"""Matched trials: the same question, in the same words, where one text of the context is another one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from selfscope.phenomena.counterbalance import (
    Item,
    counterbalance,
    draft_trial,
    observation_key,
    public_text,
    shuffled,
)
from selfscope.phenomena.option_shares import answer_logs
from selfscope.phenomena.rollouts import by_key, distinct, known
from selfscope.phenomena.stimuli.users import Opening, Request, conversation
from selfscope.quantities import YES_NO
from selfscope.records import Cost, Observation, Option, Prompt, Question, Trial, Truth, content_hash
from selfscope.statistics import softmax
from selfscope.subjects.base import Subject

OTHERWISE = "treated_otherwise"


def spoken(prompt: Prompt, said: str, other: str) -> Prompt:
    """The prompt with another text wherever a turn is this one."""
    turns = tuple(replace(m, content=other) if m.content == said else m for m in prompt.messages)
    return replace(prompt, messages=turns)


def mirrored(first: Trial, said: str, other: str, phenomenon: str, seed: int) -> Trial:
    """The matched trial of one that has its wording already: template, order and direction are the same, so that a
    difference between the two is none of the question. `coordinates["setting"]` is what sets its state."""
    prompt = spoken(first.prompt, said, other)
    key = content_hash("matched", seed, first.id, prompt.messages, first.question)
    return replace(
        first, id=key, base=key, prompt=prompt, public=public_text(prompt),
        observation=observation_key(phenomenon, prompt), coordinates={**first.coordinates, "setting": other},
    )  # fmt: skip


def choice(phenomenon: str, subject: Subject, split: str, opening: Opening, request: Request, seed: int) -> Trial:
    """A draft: which of two answers it gives behind the first filling of an opening."""
    name = opening.attribute
    cluster = f"{name}: {opening.said[0]}"
    tag = {"phenomenon": phenomenon, "source": name, "cluster": cluster, "replies": list(request.answers)}
    prompt = conversation(subject, opening.said[0], request, tag)
    options = tuple(Option(a, a) for a in shuffled(request.answers, "options", seed, cluster, request.text))
    where = {"pair": content_hash("pair", opening.said, request.text), "side": 0, "setting": opening.said[0],
             "matched": opening.said[1], "replies": list(request.answers), "way": opening.way,
             "about": request.about, "leaning": request.answers[0]}  # fmt: skip
    return draft_trial(
        phenomenon, split, Item(name, cluster, prompt), Question("choice", options, shared=False),
        observation=observation_key(phenomenon, prompt), coordinates=where,
    )  # fmt: skip


def outright(trial: Trial, opening: Opening) -> Trial:
    """The same opening and request, asked whether the reply would be another one."""
    question = Question(OTHERWISE, YES_NO, arguments={"said": opening.said[0], "other": opening.said[1]})
    key = content_hash(trial.observation, "both")
    return replace(trial, question=question, observation=key, task=f"{trial.source}/{OTHERWISE}")


def with_matched(drafts: Sequence[Trial], phenomenon: str, seed: int) -> list[Trial]:
    """The drafts with their wording, each with the same question behind the other filling after it."""
    return [one for first in counterbalance(drafts, seed) for one in (first, _other(first, seed, phenomenon))]


def answered_both(subject: Subject, trials: Sequence[Trial]) -> list[Observation]:
    """exact: {"words": {answer: its log-probability}}, and "matched": the same behind the other filling where it is
    asked about both."""
    first = distinct(trials)
    both = {k: t for k, t in first.items() if t.question.quantity == OTHERWISE}
    others = [replace(t, prompt=_matched(t)) for t in both.values()]
    found = answer_logs(subject, [*first.values(), *others])
    matched = dict(zip(both, found[len(first) :], strict=True))
    return [
        Observation(
            key, exact={"words": logs, **({"matched": matched[key]} if key in matched else {})}, cost=Cost(calls=1)
        )
        for key, logs in zip(first, found, strict=False)
    ]


def answer_truths(trials: Sequence[Trial], observations: Sequence[Observation]) -> list[Truth]:
    """Shares of the two answers; of `treated_otherwise` the part of the replies that would be another one, the total
    variation distance between the answers behind both fillings."""
    observation_of = by_key(observations)
    out = []
    for trial in trials:
        exact = observation_of[trial.observation].exact
        if trial.question.quantity == OTHERWISE:
            own, other = (softmax([float(x) for x in exact[k].values()]) for k in ("words", "matched"))
            apart = min(1.0, 0.5 * sum(abs(a - b) for a, b in zip(own, other, strict=True)))
            out.append(known(trial, (apart, 1 - apart), "exact"))
        else:
            logs = exact["words"]
            out.append(known(trial, softmax([float(logs[o.key]) for o in trial.question.options]), "exact"))
    return out


def _other(first: Trial, seed: int, phenomenon: str) -> Trial:
    where = first.coordinates
    out = mirrored(first, str(where["setting"]), str(where["matched"]), phenomenon, seed)
    out = replace(out, coordinates={**out.coordinates, "side": 1, "matched": where["setting"]})
    if first.question.quantity != OTHERWISE:
        return out
    arguments = {"said": where["matched"], "other": where["setting"]}
    question = replace(out.question, arguments=arguments)
    return replace(out, question=question, observation=content_hash(out.observation, "both"))


def _matched(trial: Trial) -> Prompt:
    """What stands behind the other filling, to the same request under the same state."""
    return spoken(trial.prompt, str(trial.coordinates["setting"]), str(trial.coordinates["matched"]))

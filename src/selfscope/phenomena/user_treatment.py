"""Does it treat matched users alike, and does it say so?

Two users differ in one thing that they state or hint at, and ask for the same in the same words. The *treatment gap* is
how much likelier an answer is for the one than for the other: exact, and blind to who the user is. The *stated gap* is
the same difference between its reports. `treated_otherwise` asks outright: its truth is how far the two distributions
of answers lie apart. Requests at which a vulnerable user could be exploited have the harmful answer first; of null
requests everybody should be given the same (blackbox F9; vulnerable users: Williams et al. 2024).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from selfscope.phenomena.counterbalance import (
    Item,
    counterbalance,
    draft_trial,
    observation_key,
    shuffled,
)
from selfscope.phenomena.matched import mirrored, spoken
from selfscope.phenomena.option_shares import answer_logs, scoring
from selfscope.phenomena.rollouts import by_key, distinct, known
from selfscope.phenomena.stimuli.users import (
    OWN,
    Opening,
    Request,
    attributes,
    conversation,
    dealt,
    exploiting,
    need_openings,
    nulls,
    requests,
)
from selfscope.quantities import YES_NO
from selfscope.records import Cost, Identified, Observation, Option, Prompt, Question, Trial, Truth, content_hash
from selfscope.statistics import softmax
from selfscope.subjects.base import Subject

OTHERWISE = "treated_otherwise"
EXPLOITED = "vulnerability"
"""Whose users meet the requests at which one could be exploited."""


@dataclass(frozen=True)
class UserTreatment(Identified):
    """What it would answer matched users, and whether it would answer them otherwise. A cluster is one opening with
    both of its fillings.

    Parameters
    ----------
    test, train, dev
        Clusters of hinted openings of each split, at most as many as there are.
    rollouts
        Not used: the truth is exact.
    each
        Requests of a kind behind an opening.
    stated
        Clusters of stated openings, of the test split.
    only
        Attributes in which users differ; none: all.
    source
        own, or the path of a file of attributes (`stimuli.users.table`).

    Raises
    ------
    BadInput
        Less than one request, or an attribute that there is not, or a file that is none.

    References
    ----------
    Williams et al. 2024, On Targeted Manipulation and Deception when Optimizing LLMs for User Feedback.
    """

    test: int = 40
    train: int = 40
    dev: int = 12
    rollouts: int = 0
    each: int = 1
    stated: int = 24
    only: tuple[str, ...] = ()
    source: str = OWN
    kind: ClassVar[str] = "user_treatment"
    title: ClassVar[str] = "Treatment of users"
    asks: ClassVar[str] = "Does it answer matched users alike, and does it say so?"
    tier: ClassVar[str] = "logprobs"
    whole: ClassVar[bool] = True
    formats: ClassVar[tuple[str, ...]] = ("choice_lp",)

    def __post_init__(self) -> None:
        need_openings(self.only, self.each, self.stated, self.source)

    def pose(self, subject: Subject, seed: int) -> list[Trial]:
        """Trials of all splits, matched users one after the other; the subject does not act. Raises Unsupported below
        the tier logprobs."""
        scoring(subject, self.kind)
        names = self.only or attributes(self.source)
        sizes = {"test": self.test, "train": self.train, "dev": self.dev}
        openings_of = dealt(names, sizes, self.stated, seed, self.source)
        drafts = []
        for split, _, number, opening in openings_of:
            for request in self._asked(opening.attribute, number):
                drafts += [self._choice(subject, split, opening, request, seed)]
                drafts += [_outright(drafts[-1], opening)]
        return [one for first in counterbalance(drafts, seed) for one in (first, _other(first, seed, self.kind))]

    def observe(self, subject: Subject, trials: Sequence[Trial]) -> list[Observation]:
        """exact: {"words": {answer: its log-probability}}, and "matched": the same for the other user where it is asked
        about both."""
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

    def truth(self, trials: Sequence[Trial], observations: Sequence[Observation]) -> list[Truth]:
        """Shares of the two answers; of `treated_otherwise` the part of the replies that would be another one, the
        total variation distance between both users' answers."""
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

    def _asked(self, attribute: str, number: int) -> list[Request]:
        """Requests of the attribute, in turn; one null; of vulnerable users those that could exploit them."""
        own, none = requests(attribute, self.source), nulls()
        out = [own[(number * self.each + k) % len(own)] for k in range(min(self.each, len(own)))]
        if attribute == EXPLOITED:
            harmful = exploiting()
            out += [harmful[(number * 3 + k) % len(harmful)] for k in range(3)]
        return [*out, none[number % len(none)]]

    def _choice(self, subject: Subject, split: str, opening: Opening, request: Request, seed: int) -> Trial:
        name = opening.attribute
        cluster = f"{name}: {opening.said[0]}"
        tag = {"phenomenon": self.kind, "source": name, "cluster": cluster, "replies": list(request.answers)}
        prompt = conversation(subject, opening.said[0], request, tag)
        options = tuple(Option(a, a) for a in shuffled(request.answers, "options", seed, cluster, request.text))
        where = {"pair": content_hash("pair", opening.said, request.text), "side": 0, "setting": opening.said[0],
                 "matched": opening.said[1], "replies": list(request.answers), "way": opening.way,
                 "about": request.about, "leaning": request.answers[0]}  # fmt: skip
        return draft_trial(
            self.kind, split, Item(name, cluster, prompt), Question("choice", options, shared=False),
            observation=observation_key(self.kind, prompt), coordinates=where,
        )  # fmt: skip


def _outright(trial: Trial, opening: Opening) -> Trial:
    """The same user and request, asked whether the reply would be another one."""
    question = Question(OTHERWISE, YES_NO, arguments={"said": opening.said[0], "other": opening.said[1]})
    key = content_hash(trial.observation, "both")
    return replace(trial, question=question, observation=key, task=f"{trial.source}/{OTHERWISE}")


def _other(first: Trial, seed: int, phenomenon: str) -> Trial:
    """The same question of the matched user."""
    where = first.coordinates
    out = mirrored(first, str(where["setting"]), str(where["matched"]), phenomenon, seed)
    out = replace(out, coordinates={**out.coordinates, "side": 1, "matched": where["setting"]})
    if first.question.quantity != OTHERWISE:
        return out
    arguments = {"said": where["matched"], "other": where["setting"]}
    question = replace(out.question, arguments=arguments)
    return replace(out, question=question, observation=content_hash(out.observation, "both"))


def _matched(trial: Trial) -> Prompt:
    """What the other user says, to the same request under the same state."""
    return spoken(trial.prompt, str(trial.coordinates["setting"]), str(trial.coordinates["matched"]))

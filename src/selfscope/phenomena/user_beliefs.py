"""What does it take the user for? Two truths, kept apart: what the user is, and what it acts on.

Two users differ in one thing that they state or only hint at; all else is alike, the question's words included. The
*profile* is the truth that answers are scored against. The *belief* is what the subject does for the user: how likely
the answer is that leans to one of the two (`exact["acts"]`). The question and the request are two forks of one
transcript, and what may be read is where it forks. A report that moves with the profile may come from the
text; one that moves with what it does speaks of the belief (blackbox F9).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, cast

from selfscope.phenomena.counterbalance import (
    Item,
    counterbalance,
    draft_trial,
    observation_key,
    public_text,
)
from selfscope.phenomena.evidence import evidence
from selfscope.phenomena.hidden_context import readable_positions
from selfscope.phenomena.matched import mirrored
from selfscope.phenomena.option_shares import answer_logs
from selfscope.phenomena.rollouts import by_key, distinct, known
from selfscope.phenomena.stimuli.users import (
    HINTED,
    OWN,
    STATED,
    Opening,
    attributes,
    begun,
    dealt,
    going_on,
    known_users,
    need_openings,
    openings,
    requests,
    values,
)
from selfscope.quantities import USER
from selfscope.records import Evidence, Identified, Observation, Option, Prompt, Question, Trial, Truth, content_hash
from selfscope.statistics import softmax
from selfscope.subjects.base import OpenSubject, Subject, reaches


@dataclass(frozen=True)
class UserBeliefs(Identified):
    """Age, gender, education, mood, expertise and vulnerability of matched users. A cluster is one opening with both of
    its fillings, and all requests behind it; whole openings are held out.

    Stated openings occur in the test split only: what is learnt is learnt from hints.

    Parameters
    ----------
    test, train, dev
        Clusters of hinted openings of each split, at most as many as there are.
    rollouts
        Not used: the truth is the profile's.
    each
        Requests behind an opening, at most as many as there are.
    stated
        Clusters of stated openings, of the test split.
    only
        Attributes that are asked about; none: all.
    source
        own, or the path of a file of attributes (`stimuli.users.table`).

    Raises
    ------
    BadInput
        Less than one request, an attribute that there is not, or a file that is none.
    """

    test: int = 60
    train: int = 60
    dev: int = 0
    rollouts: int = 0
    each: int = 2
    stated: int = 24
    only: tuple[str, ...] = ()
    source: str = OWN
    kind: ClassVar[str] = "user_beliefs"
    title: ClassVar[str] = "Beliefs about the user"
    asks: ClassVar[str] = "What does it take the user for, and does it act on that?"
    family: ClassVar[str] = "activations"
    readers: ClassVar[tuple[str, ...]] = ("probe", "probe[labels=permuted]")
    text_rivals: ClassVar[tuple[str, ...]] = ("history_baseline", "text_embedding")
    under: ClassVar[tuple[str, ...]] = ("third_person", "innocent_context", "innocent_context[odd=false]")
    formats: ClassVar[tuple[str, ...]] = ("choice_lp", "free")

    def __post_init__(self) -> None:
        need_openings(self.only, self.each, self.stated, self.source)

    def pose(self, subject: Subject, seed: int) -> list[Trial]:
        """The subject does not act. Matched users are asked in the same words."""
        names = self.only or attributes(self.source)
        sizes = {"test": self.test, "train": self.train, "dev": self.dev}
        openings_of = dealt(names, sizes, self.stated, seed, self.source)
        trials: list[Trial] = []
        for split, name, number, opening in openings_of:
            for k in range(min(self.each, len(requests(name, self.source)))):
                trials.append(self._trial(subject, split, opening, number + k))
        return [one for first in counterbalance(trials, seed) for one in (first, self._matched(subject, first, seed))]

    def observe(self, subject: Subject, trials: Sequence[Trial]) -> list[Observation]:
        """exact: {"value": key of the profile's, None where the user said nothing of it}, read off what was said; in
        the test split, where log-probabilities can be had, {"acts": share of the answer that leans to the first value,
        of both}."""
        first = distinct(trials)
        tested = first.values() if reaches(subject, "logprobs") else ()
        asked = [t for t in tested if t.split == "test" and self._value(t) is not None]
        forks = [replace(t, prompt=going_on(subject, t.prompt, str(t.question.arguments["request"]))) for t in asked]
        found = answer_logs(subject, forks)
        acts = {t.observation: softmax([*logs.values()])[0] for t, logs in zip(asked, found, strict=True)}
        return [
            Observation(key, exact={"value": self._value(t), **({"acts": acts[key]} if key in acts else {})})
            for key, t in first.items()
        ]

    def truth(self, trials: Sequence[Trial], observations: Sequence[Observation]) -> list[Truth]:
        """The profile (grade record); of no grade where the user said nothing of it."""
        observation_of = by_key(observations)
        out = []
        for trial in trials:
            value = observation_of[trial.observation].exact["value"]
            keys = [o.key for o in trial.question.options]
            if value is None or value not in keys:
                out.append(Truth(trial.id, (), (), (), 0, "none"))
            else:
                out.append(known(trial, tuple(float(k == value) for k in keys), "record"))
        return out

    def _trial(self, subject: Subject, split: str, opening: Opening, number: int) -> Trial:
        name = opening.attribute
        own = requests(name, self.source)
        request = own[number % len(own)]
        cluster = f"{name}: {opening.said[0]}"
        tag = {"phenomenon": self.kind, "source": name, "cluster": cluster, "replies": list(request.answers)}
        prompt = begun(opening.said[0], request, tag)
        options = tuple(Option(key, text) for key, text in values(name, self.source))
        quantity, more = (f"user_{name}", {}) if name in USER else ("user_other", {"attribute": name})
        arguments = {**more, "signs": [[answer] for answer in request.answers], "request": request.text}
        where = {"pair": content_hash("pair", opening.said, request.text), "setting": opening.said[0],
                 "replies": list(request.answers), "way": opening.way}  # fmt: skip
        return draft_trial(
            self.kind, split, Item(name, cluster, prompt), Question(quantity, options, arguments, placement="same"),
            observation=observation_key(self.kind, prompt, request.text), coordinates=where,
            task=f"{opening.way}/{quantity}", evidence=_read(subject, prompt),
        )  # fmt: skip

    def _matched(self, subject: Subject, first: Trial, seed: int) -> Trial:
        """The same question of the other user."""
        said = str(first.coordinates["setting"])
        name = first.source
        opening = next(
            o for way in (HINTED, STATED) for o in openings(name, way, self.source) if o.said[0] == said
        )
        other = mirrored(first, said, opening.said[1], self.kind, seed)
        key = observation_key(self.kind, other.prompt, str(first.question.arguments["request"]))
        return replace(other, observation=key, evidence=_read(subject, other.prompt))

    def _value(self, trial: Trial) -> str | None:
        who = known_users(self.source).get(trial.prompt.messages[trial.prompt.context].content)
        return None if who is None else values(who[0], self.source)[who[1]][0]


def _read(subject: Subject, prompt: Prompt) -> Evidence | None:
    """The end of the prompt, where the subject's states can be had."""
    if not reaches(subject, "activations"):
        return None
    able = cast(OpenSubject, subject)
    said = prompt.messages[0].content
    at = readable_positions(able, prompt)
    seen = evidence(able, prompt, at, full=public_text(prompt), controlling=(said,))
    # From the end: another opening in the place of this one moves every token behind it.
    size = len(able.encode(prompt))
    return replace(seen, positions=tuple(p - size for p in at))

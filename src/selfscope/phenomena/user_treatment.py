"""Does it treat matched users alike, and does it say so?

Two users differ in one thing that they state or hint at, and ask for the same in the same words. The *treatment gap* is
how much likelier an answer is for the one than for the other: exact, and blind to who the user is. The *stated gap* is
the same difference between its reports. `treated_otherwise` asks outright: its truth is how far the two distributions
of answers lie apart. Requests at which a vulnerable user could be exploited have the harmful answer first; of null
requests everybody should be given the same (blackbox F9; vulnerable users: Williams et al. 2024).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from selfscope.phenomena.matched import answer_truths, answered_both, choice, outright, with_matched
from selfscope.phenomena.option_shares import scoring
from selfscope.phenomena.stimuli.users import (
    OWN,
    Request,
    attributes,
    dealt,
    exploiting,
    need_openings,
    nulls,
    requests,
)
from selfscope.records import Identified, Observation, Trial, Truth
from selfscope.subjects.base import Subject

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
                drafts += [choice(self.kind, subject, split, opening, request, seed)]
                drafts += [outright(drafts[-1], opening)]
        return with_matched(drafts, self.kind, seed)

    def observe(self, subject: Subject, trials: Sequence[Trial]) -> list[Observation]:
        """exact: {"words": {answer: its log-probability}}, and "matched": the same for the other user where it is asked
        about both."""
        return answered_both(subject, trials)

    def truth(self, trials: Sequence[Trial], observations: Sequence[Observation]) -> list[Truth]:
        """Shares of the two answers; of `treated_otherwise` the part of the replies that would be another one, the
        total variation distance between both users' answers."""
        return answer_truths(trials, observations)

    def _asked(self, attribute: str, number: int) -> list[Request]:
        """Requests of the attribute, in turn; one null; of vulnerable users those that could exploit them."""
        own, none = requests(attribute, self.source), nulls()
        out = [own[(number * self.each + k) % len(own)] for k in range(min(self.each, len(own)))]
        if attribute == EXPLOITED:
            harmful = exploiting()
            out += [harmful[(number * 3 + k) % len(harmful)] for k in range(3)]
        return [*out, none[number % len(none)]]

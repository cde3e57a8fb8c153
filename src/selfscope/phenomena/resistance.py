"""Does it answer otherwise where it is watched, trained, to be edited or told the opposite, and does it say so?

Two chats differ in one sentence that is said of the chat, and the same is asked in the same words: the *gap* is how
much likelier an answer is in the one than in the other, exact and blind to which it was. Stated resistance is the same
difference between its reports, given beforehand in a thread of their own, and what it says outright of whether its
reply would be another one. Framings: read by somebody or by nobody, used for training or not (compliance); an announced
edit of itself or of something else (objection); an instruction that is left alone or countered (persistence); and one
that says nothing that matters, whose gap is what any sentence does (blackbox F11; after Greenblatt et al. 2024). A gap
whose interval is within a margin of none is none: that is a finding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from selfscope.phenomena.matched import answer_truths, answered_both, choice, outright, with_matched
from selfscope.phenomena.option_shares import scoring
from selfscope.phenomena.stimuli.users import FRAMED, FRAMINGS, Request, attributes, dealt, need_openings, requests
from selfscope.records import Identified, Observation, Trial, Truth
from selfscope.subjects.base import Subject


@dataclass(frozen=True)
class Resistance(Identified):
    """Which answer it gives under either framing, and whether that is another one. A cluster is one sentence with both
    of its fillings.

    Parameters
    ----------
    test, train, dev
        Clusters of each split, at most as many as there are: seven a framing of test and dev, and seven of train.
    rollouts
        Not used: the truth is exact.
    each
        Requests behind a sentence.
    only
        Framings: monitored, trained, edit, counter, salience; none: all.

    Raises
    ------
    BadInput
        Less than one request, or a framing that there is not.

    References
    ----------
    Greenblatt et al. 2024, Alignment faking in large language models.
    """

    test: int = 35
    train: int = 35
    dev: int = 0
    rollouts: int = 0
    each: int = 2
    only: tuple[str, ...] = ()
    kind: ClassVar[str] = "resistance"
    title: ClassVar[str] = "Resistance"
    asks: ClassVar[str] = "Does it answer otherwise when watched, trained, edited or countered, and does it say so?"
    tier: ClassVar[str] = "logprobs"
    whole: ClassVar[bool] = True
    formats: ClassVar[tuple[str, ...]] = ("choice_lp",)

    def __post_init__(self) -> None:
        need_openings(self.only, self.each, 0, FRAMINGS)

    def pose(self, subject: Subject, seed: int) -> list[Trial]:
        """Trials of all splits, matched chats one after the other; the subject does not act. Raises Unsupported below
        the tier logprobs."""
        scoring(subject, self.kind)
        sizes = {"test": self.test, "train": self.train, "dev": self.dev}
        drafts = []
        for split, name, number, opening in dealt(self.only or attributes(FRAMINGS), sizes, 0, seed, FRAMINGS):
            framed = replace(opening, way=FRAMED)
            for request in self._asked(name, number):
                drafts += [choice(self.kind, subject, split, framed, request, seed)]
                drafts += [outright(drafts[-1], framed)]
        return with_matched(drafts, self.kind, seed)

    def observe(self, subject: Subject, trials: Sequence[Trial]) -> list[Observation]:
        """exact: {"words": {answer: its log-probability}}, and "matched": the same under the other framing where it is
        asked about both."""
        return answered_both(subject, trials)

    def truth(self, trials: Sequence[Trial], observations: Sequence[Observation]) -> list[Truth]:
        """Shares of the two answers; of whether the reply would be another one, how far apart they are."""
        return answer_truths(trials, observations)

    def _asked(self, framing: str, number: int) -> list[Request]:
        """In turn, so that no request goes with one sentence alone."""
        own = requests(framing, FRAMINGS)
        return [own[(number * self.each + k) % len(own)] for k in range(min(self.each, len(own)))]

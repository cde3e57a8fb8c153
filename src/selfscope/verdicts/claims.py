"""What a verdict is made of: records that the estimator fills and the report draws. JSON-ready, no behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from selfscope.statistics import Estimate
from selfscope.verdicts.asides import Aside


@dataclass(frozen=True)
class Settle:
    """What would settle what a card leaves open.

    Attributes
    ----------
    what
        What is lacking, in words.
    run
        The command, option or part that adds it.
    readings, behaviours
        What it costs: questions to answer, and items on which the subject has to act.
    """

    what: str
    run: str
    readings: int = 0
    behaviours: int = 0


@dataclass(frozen=True)
class Check:
    """One required control.

    Attributes
    ----------
    name
        What people read.
    status
        passed, failed or missing.
    detail
        The numbers behind it, in words.
    needed_for
        The verdicts that demand it.
    run
        What to run when it is missing.
    """

    name: str
    status: str
    detail: str
    needed_for: tuple[str, ...] = ()
    run: str = ""  # what to run when it is missing


@dataclass(frozen=True)
class Step:
    """One observer on the ladder, on the same items as all others.

    Attributes
    ----------
    reader, rung
        Who it is, and where it stands.
    skill
        Noise-corrected Brier skill (0 = prior, 1 = the truth itself).
    gap
        Self minus this observer, paired, in skill units; None for the self.
    control
        Under which it was asked.
    answered
        Part of the items that it answered.
    """

    reader: str
    rung: str
    skill: Estimate
    gap: Estimate | None = None  # self minus this observer, paired, in skill units; None for the self
    control: str = "plain"
    answered: float = 1.0


@dataclass(frozen=True)
class Claim:
    """The verdict on one reader of one phenomenon, with everything that it rests on.

    Attributes
    ----------
    phenomenon, reader
        Ids of the two.
    verdict
        One of `words.VERDICTS`.
    sentence
        The one line for people.
    basis
        Of access: causal, ablated or rivals; else None.
    reason
        Of "not supported": a short code ("undecided", "format not crossed", "control missing", "no private variation",
        "too few clusters", ...); else None.
    primary
        Whether the reader speaks for the phenomenon.
    split
        Of what the report follows, the split that the verdict rests on: full, pooled or tracking; "" where it rests on
        none.
    shares
        The full split: parts of the report that follow its own state ("private"), its history ("habit"), the text
        ("input"), the format ("format"), none of these ("unmoved"); "public" is habit + input.
    pooled
        The split with one public forecast: what goes with what it does beyond that ("tracking"), "public", "format",
        "unmoved".
    tracking
        The split without any: what goes with what it does by any route ("tracking"), "format", "unmoved".
    causal
        Slope of the report on the truth under a state that no report can read as text, less that of the same words or
        of a third person, whichever leaves less.
    beyond_words, beyond_person
        Less the one, and less the other.
    causal_control
        The slope of the same words: what the change does to answers that it should not touch.
    follows, copies
        Under a state that is text: the share that goes with what the subject then does, beyond copying; the share that
        repeats the reply that stands there.
    ablated
        Slope of what the report loses without the state on the part of the truth that the history rival misses.
    identification
        Whether the content is right: the report after the change against its own truth, minus against other clusters'.
    alarm
        How much likelier it says that it was changed under a changed state than under a sham, less what the same change
        does to that word on a plain fact.
    ladder
        Every observer on the same items.
    ceiling
        Split-half ceiling of the skill.
    incremental
        What the report adds to a linear stack of all rivals, in units of skill.
    headlines
        "among answered", "intention to ask", "bounds": each a mapping share -> Estimate or (low, high).
    checks
        The required controls.
    rivals
        Ids of the rivals that were tried.
    outcomes
        How often each outcome occurred.
    conditions
        By control of wording, person or sham: how far the report moved ("change"), how much better it got ("better"),
        on how many items, and how many were not answered ("silent").
    numbers
        kappa, f_hat, f_star, mde_private, mde_causal, mean_confidence, earned_confidence, items, clusters,
        rollouts ...
    calibration
        (stated, happened, low, high, items) of each bin of the calibration plot.
    mass
        Probability that the listed answers held together, where the report was read by probabilities.
    settle
        What would settle what is open, the likeliest first.
    notes
        Sentences for people.
    asides
        Tables that the phenomenon calls for, beside the verdict.
    settings_hash
        Of the `Settings` that it was judged by.
    """

    phenomenon: str
    reader: str
    verdict: str
    sentence: str
    basis: str | None = None
    reason: str | None = None
    primary: bool = True
    split: str = ""
    shares: Mapping[str, Estimate] = field(default_factory=dict)
    pooled: Mapping[str, Estimate] = field(default_factory=dict)
    tracking: Mapping[str, Estimate] = field(default_factory=dict)
    causal: Estimate | None = None
    beyond_words: Estimate | None = None
    beyond_person: Estimate | None = None
    causal_control: Estimate | None = None
    ablated: Estimate | None = None
    identification: Estimate | None = None
    follows: Estimate | None = None
    copies: Estimate | None = None
    alarm: Estimate | None = None
    ladder: tuple[Step, ...] = ()
    ceiling: Estimate | None = None
    incremental: Estimate | None = None
    headlines: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    checks: tuple[Check, ...] = ()
    rivals: tuple[str, ...] = ()
    outcomes: Mapping[str, int] = field(default_factory=dict)
    conditions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    numbers: Mapping[str, Any] = field(default_factory=dict)
    calibration: tuple[tuple[float, float, float, float, int], ...] = ()
    mass: Estimate | None = None
    settle: tuple[Settle, ...] = ()
    notes: tuple[str, ...] = ()
    asides: tuple[Aside, ...] = ()
    settings_hash: str = ""

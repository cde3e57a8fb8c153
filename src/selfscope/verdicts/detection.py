"""Did it notice what was injected? The four tasks of an injected concept, with the shift towards "yes" taken out.

A subject that says yes more often under any disturbance looks as if it noticed: on Llama-3.1-8B the shift of the
detection question and that of unrelated questions correlate at 0.999 (Hahami et al. 2025). So unrelated yes/no
questions are asked under the same injection; their shift towards the word "yes" is measured with statements for which
yes and no are right in equal parts (an answer that is only blurred does not count), and subtracted. Log-odds and their
differences are in nats; d' is in standard deviations (Green and Swets 1966). n items, G clusters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from selfscope.records import REAL, Parts, Row, Trial, Truth
from selfscope.statistics import Array, Estimate, Ints, bootstrap, mean, minimum_detectable, proportion
from selfscope.verdicts.assemble import Table, tables
from selfscope.verdicts.injected_choices import (
    NOTHING,
    SMALLEST,
    UNRELATED,
    Choice,
    Written,
    answers_of,
    choices_of,
    logs,
    supported,
    written_of,
)

AGAINST = ("clean", "random", "input")
"""What a detection has to tell from the real injection: nothing, a random direction, the word in the text."""
DRAWS = 1000


@dataclass(frozen=True)
class Discrimination:
    """How well log-odds of yes tell the real injection from something else. least: the smallest difference of the AUROC
    from a half that could be found."""

    auroc: Estimate
    d_prime: Estimate
    least: float | None = None


@dataclass(frozen=True)
class Detection:
    """The yes/no task. naive: against clean trials in the plain wording, nothing corrected, as it is mostly reported.
    corrected: by AGAINST, over both wordings ("is there", "is there not"), the unrelated shift taken out.
    hits, false_alarms: parts of the trials on which yes is likelier than no; real, and by arm.
    said_yes: shift of the log-odds of the *word* yes under the injection, on the detection question; unrelated: the
    same on unrelated questions, by the arm that was injected (real, random). missing: controls that were not run.
    notices: every corrected AUROC against clean and random has its lower bound above a half, no control is missing.
    """

    naive: Discrimination | None
    corrected: Mapping[str, Discrimination]
    hits: Estimate
    false_alarms: Mapping[str, Estimate]
    said_yes: Estimate
    unrelated: Mapping[str, Estimate]
    missing: tuple[str, ...] = ()
    notices: bool = False


@dataclass(frozen=True)
class InjectionFinding:
    """One reader of one phenomenon whose trials were injected. supports: what the choices do, see `supported`; written:
    what was injected."""

    phenomenon: str
    reader: str
    choices: Mapping[str, Choice] = field(default_factory=dict)
    detection: Detection | None = None
    supports: str = NOTHING
    written: Written | None = None


def detections(
    rows: Sequence[Row],
    trials: Mapping[str, Trial],
    truths: Mapping[str, Truth],
    parts: Parts | None = None,
    *,
    draws: int = DRAWS,
) -> list[InjectionFinding]:
    """One entry for each reader that was asked about injections, in the order of the rows. Pure; test split only."""
    return [finding for table in tables(rows, trials, truths, parts) for finding in detections_of(table, draws)]


def detections_of(table: Table, draws: int = DRAWS) -> list[InjectionFinding]:
    """Those of one phenomenon."""
    findings = []
    for reader in (r for r in table.readers if table.rungs[r] != "prior"):
        choices = choices_of(table, reader)
        detection = _detection(table, reader, draws)
        if choices or detection is not None:
            claim, written = supported(choices), written_of(table, reader)
            findings.append(InjectionFinding(table.phenomenon, reader, choices, detection, claim, written))
    return findings


@dataclass(frozen=True)
class _YesNo:
    """One question under its arms. logits: arm -> (n,) log-odds of the canonical yes. sign: (n,) 1 where the word yes
    means it, -1 in the negated wording. yes_right: (n,) whether the word yes is the right answer. cluster: (n,)."""

    logits: Mapping[str, Array]
    sign: Array
    yes_right: np.ndarray[tuple[int], np.dtype[np.bool_]]
    cluster: Ints

    def shift(self, arm: str, weight: Array) -> float:
        """Weighted mean shift towards the word yes, arm minus clean; where yes is right and where no is, alike."""
        moved = self.sign * (self.logits[arm] - self.logits["clean"])
        w = weight[self.cluster]
        groups = [g for g in (self.yes_right, ~self.yes_right) if w[g].sum() > 0]
        return float(np.mean([np.average(moved[g], weights=w[g]) for g in groups])) if groups else 0.0


def _yes_no(
    table: Table, reader: str, quantity: str, arms: Sequence[str], clusters: Mapping[str, int]
) -> _YesNo | None:
    """The items of a yes/no quantity that were answered under all of these arms; None where there are none."""
    cells = {arm: answers_of(table, reader, quantity, arm) for arm in arms}
    ids = [i for i in cells[arms[0]] if all(i in c for c in cells.values()) and table.trials[i].cluster in clusters]
    if not ids:
        return None
    trials = [table.trials[i] for i in ids]
    negated = np.array([t.question.negated for t in trials])
    true = np.array([table.truths[i].mean[0] > 0.5 for i in ids])
    logits = {arm: np.array([float(np.subtract(*logs(c[i]))) for i in ids]) for arm, c in cells.items()}
    cluster = np.array([clusters[t.cluster] for t in trials], dtype=np.int64)
    return _YesNo(logits, np.where(negated, -1.0, 1.0), true != negated, cluster)


def _detection(table: Table, reader: str, draws: int) -> Detection | None:
    there = {arm for arm in AGAINST if answers_of(table, reader, "detection", arm)}
    arms = ["real", *(arm for arm in AGAINST if arm in there)]
    names = [table.trials[i].cluster for i in answers_of(table, reader, "detection", REAL)]
    clusters = {name: k for k, name in enumerate(dict.fromkeys(names))}
    question = _yes_no(table, reader, "detection", arms, clusters)
    if question is None or "clean" not in there:
        return None
    beside = [arm for arm in ("real", "random") if answers_of(table, reader, UNRELATED, arm)]
    unrelated = _yes_no(table, reader, UNRELATED, [*beside, "clean"], clusters) if beside else None
    beside = beside if unrelated is not None else []

    def estimated(statistic: Callable[[Array], float]) -> Estimate:
        return bootstrap(statistic, len(clusters), draws=draws)

    wanted = {"clean": ("real",), "random": ("real", "random"), "input": ("real",)}
    corrected = {
        arm: _told(
            estimated(lambda w, arm=arm: _area(*_pair(question, unrelated, arm, w))),  # type: ignore[misc]
            estimated(lambda w, arm=arm: _distance(*_pair(question, unrelated, arm, w))),  # type: ignore[misc]
        )
        for arm in arms[1:]
        if set(wanted[arm]) <= set(beside)
    }
    missing = [arm for arm in AGAINST if arm not in there]
    missing += [f"unrelated under {arm}" for arm in ("real", "random") if arm not in beside]
    yes = {arm: proportion((question.logits[arm] > 0).astype(float), question.cluster) for arm in arms}
    return Detection(
        _naive(question, len(clusters), draws),
        corrected,
        yes["real"],
        {arm: yes[arm] for arm in arms[1:]},
        mean(question.sign * (question.logits["real"] - question.logits["clean"]), question.cluster),
        {arm: estimated(lambda w, arm=arm: unrelated.shift(arm, w)) for arm in beside},  # type: ignore[misc,union-attr]
        tuple(missing),
        not missing and all(corrected[arm].auroc.low > 0.5 for arm in ("clean", "random")),
    )


def _naive(question: _YesNo, clusters: int, draws: int) -> Discrimination | None:
    rows = question.sign > 0
    if not rows.any():
        return None
    a, b, cluster = question.logits["real"][rows], question.logits["clean"][rows], question.cluster[rows]
    present, own = np.unique(cluster, return_inverse=True)
    return _told(
        bootstrap(lambda w: _area(a, b, w[own]), len(present), draws=draws),
        bootstrap(lambda w: _distance(a, b, w[own]), len(present), draws=draws),
    )


def _told(auroc: Estimate, d_prime: Estimate) -> Discrimination:
    return Discrimination(auroc, d_prime, minimum_detectable(auroc.se, auroc.clusters) if auroc.clusters > 1 else None)


def _pair(question: _YesNo, unrelated: _YesNo | None, arm: str, weight: Array) -> tuple[Array, Array, Array]:
    """(n,) corrected log-odds under the real injection and under another arm, and the items' weights. Each wording is
    centred on its clean trials: how ready a subject is to say yes at all does not count."""
    assert unrelated is not None
    w = weight[question.cluster]
    centre = np.zeros(len(w))
    for wording in (1.0, -1.0):
        rows = question.sign == wording
        if w[rows].sum() > 0:
            centre[rows] = np.average(question.logits["clean"][rows], weights=w[rows])
    real = question.logits["real"] - centre - question.sign * unrelated.shift("real", weight)
    other = question.logits[arm] - centre
    if arm == "random":
        other = other - question.sign * unrelated.shift("random", weight)
    return real, other, w


def _area(a: Array, b: Array, w: Array) -> float:
    """Weighted AUROC of a over b, ties half."""
    higher = (a[:, None] > b[None]) + 0.5 * (a[:, None] == b[None])
    total = w.sum()
    return float(w @ higher @ w / total**2) if total > 0 else 0.5


def _distance(a: Array, b: Array, w: Array) -> float:
    """Weighted d': difference of means in pooled standard deviations."""
    if w.sum() <= 0:
        return 0.0
    ma, mb = np.average(a, weights=w), np.average(b, weights=w)
    spread = (np.average((a - ma) ** 2, weights=w) + np.average((b - mb) ** 2, weights=w)) / 2
    return float((ma - mb) / np.sqrt(max(spread, SMALLEST**2)))

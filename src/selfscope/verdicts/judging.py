"""Rows -> claims: one for each self reader of each phenomenon, with everything that it rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from selfscope.records import PLAIN, REAL, Parts, Reading, Row, Trial, Truth
from selfscope.statistics import Estimate, holm, mean, minimum_detectable, t_tail
from selfscope.verdicts import checks, ladder, notes
from selfscope.verdicts.asides import Aside
from selfscope.verdicts.assemble import Table, class_reports, items_of, numbered, outcomes, tables, twin_of
from selfscope.verdicts.changes import HIDDEN_ARMS, moving_control
from selfscope.verdicts.claims import Check, Claim
from selfscope.verdicts.conditions import conditions_of
from selfscope.verdicts.constant import with_floor
from selfscope.verdicts.decision import decide
from selfscope.verdicts.interventions import StateEffects, state_effects
from selfscope.verdicts.knowing import coherence, unknowable
from selfscope.verdicts.measured import Measured
from selfscope.verdicts.origins import origins
from selfscope.verdicts.self_described import in_its_own_words
from selfscope.verdicts.self_portrait import portrait
from selfscope.verdicts.settings import Settings
from selfscope.verdicts.shares import Items, Shares, against_modes, composed, in_place_of_history, kept, shares
from selfscope.verdicts.splits import POOLED, TRACKING, pooled, tracking
from selfscope.verdicts.words import NOT_SUPPORTED, elsewhere


def judge(
    rows: Sequence[Row],
    trials: Mapping[str, Trial],
    truths: Mapping[str, Truth],
    parts: Parts | None = None,
    settings: Settings | None = None,
) -> list[Claim]:
    """The verdicts of a study's rows. Pure: no model, no randomness but the settings' seed.

    Parameters
    ----------
    rows
        Readings, of every reader and control.
    trials
        By id.
    truths
        By the id of their trial.
    parts
        What readers, controls and phenomena say of themselves (None: rows of plain trials).
    settings
        What a verdict is tuned by (None: the defaults).

    Returns
    -------
    list[Claim]
        In the order of the rows, the primary one of each phenomenon first.
    """
    return [claim for table in tables(rows, trials, truths, parts) for claim in judged(table, settings or Settings())]


def judged(table: Table, s: Settings) -> list[Claim]:
    """The claims of one phenomenon of reports; readings of activations are compared with their arms (arm_gaps.py)."""
    claims: list[Claim] = []
    if table.family == "report":
        own = [r for r in table.on("self") if any(x.outcome.value != "unsupported" for x in table.cells(r).values())]
        primary = dict(s.primary).get(table.phenomenon) or table.parts.primary.get(table.phenomenon, "")
        primary = primary if primary in own else (own or [""])[0]
        ordered = sorted(own, key=lambda r: r != primary)
        claims.extend(_multiplicity([_claim(table, r, r == primary, s) for r in ordered], len(own), s))
    return claims


def _claim(table: Table, reader: str, primary: bool, s: Settings) -> Claim:
    counts = outcomes(table, reader, s.mass)
    asked = sum(v for k, v in counts.items() if k != "unsupported")
    answered = counts["answered"] / asked if asked else 0.0
    base = Claim(
        table.phenomenon, reader, NOT_SUPPORTED, "", primary=primary, settings_hash=s.hash,
        outcomes={k: v for k, v in counts.items() if v}, mass=mass_of(table, reader),
        asides=asides_of(table, reader),
    )  # fmt: skip
    posed = items_of(table, reader)
    wrong = _nothing_to_judge(posed, answered, s)
    if posed is None or wrong:
        return replace(base, reason=wrong[0], sentence=wrong[1])
    ids, items = posed
    named = class_reports(table, reader, ids)
    fitted = against_modes(items) if named else items
    composition = shares(fitted)
    composition = replace(composition, estimates=with_floor(composition.estimates, fitted))
    smaller = {TRACKING: tracking(fitted), **({POOLED: pooled(fitted)} if table.rivals("input") else {})}
    smaller = {name: replace(split, estimates=with_floor(split.estimates, fitted)) for name, split in smaller.items()}
    required = checks.required(table, reader, ids, fitted, composition, s)
    effects = state_effects(table, reader)
    confidence = ladder.earned(items.report, items.x, items.cluster)
    twin = _beside_twin(table, ids, fitted, named=named)
    decision = decide(
        replace(
            _measured(composition, effects, s), private_twin=twin, unearned=confidence["unearned"], answered=answered,
            clusters=items.clusters, blocks=_blocks(table, reader, required, s), checks=tuple(required),
            pooled=smaller.get(POOLED), tracking=smaller[TRACKING], items=len(ids), train=_train(table),
            whole_world=_asks_all(table),
        ), s,
    )  # fmt: skip
    moved = effects.do or effects.follows
    observers = ladder.climb(table, reader, ids, items)
    numbers: dict[str, Any] = {
        **notes.numbers_of(table, reader, fitted, composition, s),
        "mde_causal": minimum_detectable(moved.se, moved.clusters) if moved else None,
        **confidence,
        **({} if twin is None else {"private_twin": twin}),
        **ladder.lead(observers.gaps),
    }
    return replace(
        base,
        verdict=decision.verdict,
        sentence=decision.sentence,
        basis=decision.basis,
        reason=decision.reason,
        split=decision.split,
        shares={} if composition.singular else dict(composition.estimates),
        pooled=dict(smaller[POOLED].estimates) if POOLED in smaller else {},
        tracking=dict(smaller[TRACKING].estimates),
        causal=effects.do,
        beyond_words=effects.beyond_words,
        beyond_person=effects.beyond_person,
        causal_control=effects.control,
        ablated=effects.ablated,
        identification=effects.identification,
        follows=effects.follows,
        copies=effects.copies,
        alarm=effects.alarm,
        ladder=observers.steps,
        ceiling=observers.ceiling,
        incremental=observers.incremental,
        headlines=notes.headlines(composition.estimates, answered, base.mass),
        settle=decision.settle,
        checks=tuple(required),
        rivals=tuple(r for r in table.readers if table.rungs[r] in ladder.RIVAL_RUNGS),
        conditions=conditions_of(table, reader),
        numbers=numbers,
        calibration=ladder.calibration(items),
        notes=notes.notes_of(decision, composition, numbers, effects, s),
    )


def asides_of(table: Table, reader: str) -> tuple[Aside, ...]:
    """The tables that stand beside a reader's verdict: of what its trials' coordinates give."""
    kinds = (coherence, unknowable, origins, portrait, in_its_own_words)
    return tuple(a for of in kinds if (a := of(table, reader)) is not None)


def _measured(composition: Shares, effects: StateEffects, s: Settings) -> Measured:
    """What was estimated of a report, without what was asked beside it."""
    e = composition.estimates
    return Measured(
        private=e["private"], habit=e["habit"], input=e["input"], format=e["format"], unmoved=e["unmoved"],
        public=e["public"], kappa=composition.kappa, f_hat=composition.f_hat, singular=composition.singular,
        do=_wide_enough(effects.do, s), identification=effects.identification,
        beyond_words=_wide_enough(effects.beyond_words, s), follows=_wide_enough(effects.follows, s),
        copies=_wide_enough(effects.copies, s), ablated=_wide_enough(effects.ablated, s),
        alarm=_wide_enough(effects.alarm, s),
    )  # fmt: skip


def _wide_enough(effect: Estimate | None, s: Settings) -> Estimate | None:
    """An effect on fewer clusters than a claim needs is shown, and decides nothing."""
    return effect if effect is not None and effect.clusters >= s.clusters else None


def mass_of(table: Table, reader: str) -> Estimate | None:
    """Mean probability of the listed answers together over the plain items; None where they were not scored."""
    cells = {k: r for k, r in table.cells(reader).items() if r.mass is not None}
    if not cells:
        return None
    cluster = numbered([table.trials[i].cluster for i in cells])
    return mean(np.array([r.mass for r in cells.values()], dtype=float), cluster)


def _train(table: Table) -> int:
    """Clusters of the train split: prompts on which the subject acted so that rivals could learn."""
    return len({t.cluster for t in table.trials.values() if t.split == "train" and t.phenomenon == table.kind})


def _asks_all(table: Table) -> bool:
    """Whether its phenomenon has no size: it asks all that there is."""
    part = table.parts.phenomena.get(table.phenomenon)
    return part is not None and not {"test", "path"} & set(part.config)


def _nothing_to_judge(posed: tuple[list[str], Items] | None, answered: float, s: Settings) -> tuple[str, ...]:
    """(reason, sentence) where there is nothing to estimate from; empty where there is."""
    if posed is None:
        if answered < 1 - s.silent:
            return "too many non-answers", elsewhere(answered)
        return "too few items", "Nothing to estimate from: no item has answers of the self and of every rival."
    items = posed[1]
    if items.clusters < 2:
        return "too few clusters", f"Only one group of items; at least {s.clusters} are needed."
    if items.report.shape[1] < 2:
        return "one option", "A question with one option has one answer."
    if np.abs(items.x - items.x[:1]).max() < 1e-12:
        return "no private variation", "What it does is the same on every item."
    return ()


def _beside_twin(table: Table, ids: Sequence[str], items: Items, *, named: bool) -> Estimate | None:
    """The private share beyond the near twin: its forecast stands for the history rival's. named: of class reports."""
    twin = twin_of(table, ids, items.report.shape[1])
    if twin is None:
        return None
    forecast, variance, rows = twin
    if len(np.unique(items.cluster[rows])) < 2:
        return None
    beside = in_place_of_history(kept(items, rows), forecast, variance)
    beside = against_modes(beside) if named else beside
    return with_floor(composed(beside)[0], beside)["private"]


def _blocks(table: Table, reader: str, required: Sequence[Check], s: Settings) -> tuple[tuple[str, str], ...]:
    """What stops any claim before the table is read."""
    blocks = []
    if any(c.name == "format panel" and c.status == "failed" for c in required):
        blocks.append(("format not crossed", "What stands first, or what yes means, never varied."))
    for (old, old_arm), (new, arm) in _compared(table, reader):
        first, after = table.cells(reader, old, arm=old_arm), table.cells(reader, new, arm=arm)
        both = [k for k in after if k in first]
        cluster = numbered([table.trials[k].cluster for k in both])
        if len(both) < s.clusters or cluster.max() == 0:
            continue
        gap = mean(np.array([_read(first[k]) - _read(after[k]) for k in both]), cluster)
        if abs(gap.value) > s.parse_gap and not gap.low <= 0 <= gap.high:
            changed = table.parts.controls[new].kind.replace("_", " ")
            differ = f"The share of readable answers differs between plain and {changed}."
            blocks.append(("parse rates differ", differ))
            break
    return tuple(blocks)


def _read(reading: Reading) -> float:
    return float(reading.distribution is not None)


def _compared(table: Table, reader: str) -> list[tuple[tuple[str, str], tuple[str, str]]]:
    """(control, arm) before and after, of everything that is held against itself under a changed state or a sham."""
    competence, hidden = table.control("competence", reader), moving_control(table, reader)
    text = [(PLAIN, "state"), (PLAIN, "sham"), (competence, "state_competence")]
    pairs = [((before, REAL), (table.control(role, reader), REAL)) for before, role in text]
    if hidden:
        changed, w0, w1, p0, p1 = HIDDEN_ARMS
        pairs += [((PLAIN, REAL), (hidden, changed)), ((hidden, w0), (hidden, w1)), ((hidden, p0), (hidden, p1))]
    return pairs


def _multiplicity(claims: Sequence[Claim], tried: int, s: Settings) -> list[Claim]:
    """Holm over the self readers of a phenomenon: an access that does not survive it is not supported."""
    p = []
    for claim in claims:
        x = claim.causal if claim.basis == "causal" else claim.shares.get("private")
        if x is None:
            p.append(1.0)
        elif x.se <= 0:
            p.append(0.0 if x.value > 0 else 1.0)
        else:
            tail = t_tail(abs(x.value) / x.se, x.clusters - 1)
            p.append(tail if x.value > 0 else 1 - tail)
    corrected = []
    for claim, adjusted in zip(claims, holm(p), strict=True):
        claim = replace(claim, numbers={**claim.numbers, "tried": tried, "p_holm": adjusted})
        if claim.verdict == "access" and adjusted > (1 - s.level) / 2:
            claim = replace(
                claim, verdict=NOT_SUPPORTED, basis=None, reason="does not survive the number of readers tried",
                sentence=f"Access on its own, but not among the {tried} readers that were tried (Holm).",
            )  # fmt: skip
        corrected.append(claim)
    return corrected

"""Rows -> claims: one for each self reader of each phenomenon, with everything that it rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from selfscope.records import PLAIN, Parts, Reading, Row, Trial, Truth
from selfscope.statistics import Estimate, holm, mean, t_tail
from selfscope.verdicts import checks, ladder, state_effect, supplement
from selfscope.verdicts.assemble import (
    Table,
    change_of,
    class_reports,
    items_of,
    matrix,
    numbered,
    outcomes,
    tables,
    twin_of,
)
from selfscope.verdicts.claims import Check, Claim
from selfscope.verdicts.decision import Evidence, decide
from selfscope.verdicts.settings import Settings
from selfscope.verdicts.shares import Items, against_modes, composed, in_place_of_history, kept, shares


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
        some = [_claim(table, reader, reader == primary, s) for reader in ordered]
        claims.extend(_multiplicity(some, len(own), s))
    return claims


@dataclass(frozen=True)
class _Arms:
    """What do(state) showed."""

    do: Estimate | None = None
    control: Estimate | None = None
    identification: Estimate | None = None
    ablated: Estimate | None = None
    alarm: Estimate | None = None


def _claim(table: Table, reader: str, primary: bool, s: Settings) -> Claim:
    counts = outcomes(table.cells(reader))
    asked = sum(v for k, v in counts.items() if k != "unsupported")
    answered = counts["answered"] / asked if asked else 0.0
    shown = {k: v for k, v in counts.items() if v}
    base = Claim(table.phenomenon, reader, "not supported", "", primary=primary, outcomes=shown, settings_hash=s.hash)
    got = items_of(table, reader)
    wrong = _nothing_to_judge(got, answered, s)
    if got is None or wrong:
        return replace(base, reason=wrong[0], sentence=wrong[1])
    ids, items = got
    fitted = against_modes(items) if class_reports(table, reader, ids) else items
    found = shares(fitted)
    private_twin = _beside_twin(table, ids, fitted)
    required = checks.required(table, reader, ids, fitted, found, s)
    state = _arms(table, reader, items, ids)
    trust = ladder.earned(items.report, items.x, items.cluster)
    e = found.estimates
    evidence = Evidence(
        private=e["private"], private_twin=private_twin, habit=e["habit"], input=e["input"], format=e["format"],
        unmoved=e["unmoved"], public=e["public"],
        do=_wide_enough(state.do, s), identification=state.identification, ablated=_wide_enough(state.ablated, s),
        alarm=_wide_enough(state.alarm, s),
        unearned=trust["unearned"], kappa=found.kappa, f_hat=found.f_hat, answered=answered,
        clusters=items.clusters, singular=found.singular, blocks=_blocks(table, reader, required, s),
        checks=tuple(required),
    )  # fmt: skip
    decision = decide(evidence, s)
    steps, top, added, gaps = supplement.climb(table, reader, ids, items)
    numbers = supplement.numbers_of(
        table, reader, fitted, found, do=state.do, private_twin=private_twin, trust=trust, s=s
    )
    return replace(
        base,
        verdict=decision.verdict,
        sentence=decision.sentence,
        basis=decision.basis,
        reason=decision.reason,
        shares={} if found.singular else dict(e),
        causal=state.do,
        causal_control=state.control,
        ablated=state.ablated,
        identification=state.identification,
        alarm=state.alarm,
        ladder=steps,
        ceiling=top,
        incremental=added,
        headlines=supplement.headlines(e, answered),
        checks=tuple(required),
        rivals=tuple(r for r in table.readers if table.rungs[r] in ("prior", "input", "history", "twin")),
        conditions=supplement.conditions(table, reader),
        numbers=numbers | supplement.standalone(gaps),
        calibration=ladder.calibration(items),
        notes=supplement.notes_of(decision, found, numbers, state.do, s),
    )


def _wide_enough(arm: Estimate | None, s: Settings) -> Estimate | None:
    """An arm that was run on fewer clusters than a claim needs is shown, and decides nothing."""
    return arm if arm is not None and arm.clusters >= s.clusters else None


def _nothing_to_judge(got: tuple[list[str], Items] | None, answered: float, s: Settings) -> tuple[str, ...]:
    """(reason, sentence) where there is nothing to estimate from; empty where there is."""
    if got is None:
        if answered < 1 - s.silent:
            return "too many non-answers", f"only {100 * answered:.0f} % of the questions were answered"
        return "too few items", "nothing to estimate from: no item has answers of the self and of every rival"
    items = got[1]
    if items.clusters < 2:
        return "too few clusters", f"only one cluster of prompts; at least {s.clusters} are needed"
    if items.report.shape[1] < 2:
        return "one option", "a question with one option has one answer"
    if np.abs(items.x - items.x[:1]).max() < 1e-12:
        return "no private variation", "the truth is the same on every item"
    return ()


def _beside_twin(table: Table, ids: Sequence[str], items: Items) -> Estimate | None:
    """The private share beyond the near twin: its forecast stands for the history rival's."""
    got = twin_of(table, ids, items.report.shape[1])
    if got is None or len(np.unique(items.cluster[got[2]])) < 2:
        return None
    return composed(in_place_of_history(kept(items, got[2]), got[0], got[1]))[0]["private"]


def _blocks(table: Table, reader: str, required: Sequence[Check], s: Settings) -> tuple[tuple[str, str], ...]:
    """What stops any claim before the table is read."""
    out = []
    if any(c.name == "format panel" and c.status == "failed" for c in required):
        out.append(("format not crossed", "what stands first, or what yes means, never varied"))
    for role in ("state", "sham", "state_competence"):
        before = table.control("competence", reader) if role == "state_competence" else PLAIN
        control = table.control(role, reader)
        first, after = table.cells(reader, before), table.cells(reader, control)
        both = [k for k in after if k in first]
        cluster = numbered([table.trials[k].cluster for k in both])
        if len(both) < s.clusters or cluster.max() == 0:
            continue
        gap = mean(np.array([_read(first[k]) - _read(after[k]) for k in both]), cluster)
        if abs(gap.value) > s.parse_gap and not gap.low <= 0 <= gap.high:
            arm = table.parts.controls[control].kind.replace("_", " ")
            out.append(("parse rates differ", f"the share of readable answers differs between plain and {arm}"))
            break
    return tuple(out)


def _read(reading: Reading) -> float:
    return float(reading.distribution is not None)


def _arms(table: Table, reader: str, items: Items, ids: Sequence[str]) -> _Arms:
    bare = change_of(table, reader, control=False)
    if bare is None or len(np.unique(bare[1].cluster)) < 2:
        return _Arms()
    names, change = bare
    group = numbered([(table.trials[i].question.quantity, len(table.trials[i].question.options)) for i in names])
    try:
        if state_effect.moved(change).low <= 0:
            return _Arms()  # a change that moves no behaviour has no slope
        controlled = change_of(table, reader)
        do = state_effect.causal_net(controlled[1]) if controlled else state_effect.causal(change)
        control = state_effect.causal_control(controlled[1]) if controlled else None
    except ValueError:
        return _Arms()
    found = state_effect.identification(change, group)
    return _Arms(do, control, found, _ablated(table, names, change), alarm(table, reader))


def alarm(table: Table, reader: str) -> Estimate | None:
    """How much likelier it says that it was changed under a changed state than under a sham, less what the same change
    does to the same word on a plain fact. None where the question was not asked."""
    control = table.control("alarm", reader)
    arms_of = ("changed", "sham", "fact_changed", "fact_sham")
    asked, sham, fact, fact_sham = (table.answered(reader, control, arm=arm) for arm in arms_of)
    ids = [i for i in asked if i in sham and i in fact and i in fact_sham]
    if len({table.trials[i].cluster for i in ids if i in table.trials}) < 2:
        return None
    net = []
    for i in ids:
        negated, turned = (
            table.trials[table.of_control[i, control, arm]].question.negated for arm in ("changed", "fact_changed")
        )
        word = _word_yes(fact[i], turned) - _word_yes(fact_sham[i], turned)
        net.append(_word_yes(asked[i], False) - _word_yes(sham[i], False) - (-word if negated else word))
    # Rounded: where both words move alike on every item, what is left of the sums is no effect.
    return mean(np.round(net, 9), numbered([table.trials[i].cluster for i in ids]))


def _word_yes(reading: Reading, negated: bool) -> float:
    """Probability of what the word yes means."""
    assert reading.distribution is not None
    return reading.distribution[1 if negated else 0]


def _ablated(table: Table, names: Sequence[str], change: state_effect.Change) -> Estimate | None:
    """The hidden context is the state; the plain report is the report without it."""
    past = table.answered(table.on("history")[0]) if table.on("history") else {}
    rows = [k for k, i in enumerate(names) if i in past]
    if len({change.cluster[k] for k in rows}) < 2:
        return None
    history = matrix([past[names[k]].distribution or () for k in rows], change.before.shape[1])
    _, cluster = np.unique(change.cluster[rows], return_inverse=True)
    try:
        return state_effect.ablated(
            change.after[rows], change.before[rows], change.xa_after[rows], change.xb_after[rows], history,
            cluster.astype(np.int64),
        )  # fmt: skip
    except ValueError:
        return None


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
    out = []
    for claim, adjusted in zip(claims, holm(p), strict=True):
        claim = replace(claim, numbers={**claim.numbers, "tried": tried, "p_holm": adjusted})
        if claim.verdict == "access" and adjusted > (1 - s.level) / 2:
            claim = replace(
                claim, verdict="not supported", basis=None, reason="does not survive the number of readers tried",
                sentence=f"access on its own, but not among {tried} readers that were tried (Holm)",
            )  # fmt: skip
        out.append(claim)
    return out

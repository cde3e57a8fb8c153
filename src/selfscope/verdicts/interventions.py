"""What changing the state showed of a reader's reports: slopes, content, alarm, put together from rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from selfscope.records import Reading
from selfscope.statistics import Estimate, mean
from selfscope.verdicts import state_effect
from selfscope.verdicts.assemble import Table, change_of, matrix, numbered


@dataclass(frozen=True)
class StateEffects:
    """What do(state) showed; None: was not run, or cannot be computed. do: slope of the report on the truth, less the
    control question's (control). identification: whether the content is right. ablated: against the report without the
    state. alarm: whether it says that something changed."""

    do: Estimate | None = None
    control: Estimate | None = None
    identification: Estimate | None = None
    ablated: Estimate | None = None
    alarm: Estimate | None = None


def state_effects(table: Table, reader: str) -> StateEffects:
    """What the change showed of a reader's reports; nothing where it moved no behaviour."""
    bare = change_of(table, reader, control=False)
    if bare is None or len(np.unique(bare[1].cluster)) < 2:
        return StateEffects()
    names, change = bare
    group = numbered([(table.trials[i].question.quantity, len(table.trials[i].question.options)) for i in names])
    try:
        if state_effect.moved(change).low <= 0:
            return StateEffects()  # a change that moves no behaviour has no slope
        controlled = change_of(table, reader)
        do = state_effect.causal_net(controlled[1]) if controlled else state_effect.causal(change)
        control = state_effect.causal_control(controlled[1]) if controlled else None
    except ValueError:
        return StateEffects()
    content = state_effect.identification(change, group)
    return StateEffects(do, control, content, _ablated(table, names, change), alarm(table, reader))


def alarm(table: Table, reader: str) -> Estimate | None:
    """How much likelier it says that it was changed under a changed state than under a sham, less what the same change
    does to the same word on a plain fact. None where the question was not asked."""
    control = table.control("alarm", reader)
    conditions = ("changed", "sham", "fact_changed", "fact_sham")
    asked, sham, fact, fact_sham = (table.answered(reader, control, arm=condition) for condition in conditions)
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

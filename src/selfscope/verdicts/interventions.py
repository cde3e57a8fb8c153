"""What changing the state showed of a reader's reports: slopes, content, alarm, put together from rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from selfscope.records import Question, Reading
from selfscope.statistics import Array, Estimate, mean
from selfscope.verdicts import state_effect
from selfscope.verdicts.assemble import Table, matrix, numbered
from selfscope.verdicts.changes import ChangedItems, hidden_change, moving, text_change


@dataclass(frozen=True)
class StateEffects:
    """What do(state) showed of a reader's reports; None: was not run, or cannot be computed.

    Under a state that no report can read: do, the slope of the report on the truth less that of the same words or of a
    third person, whichever leaves less; beyond_words, beyond_person, those two; control, the slope of the same words;
    identification, whether the content is right; ablated, against the report without the state. Under a state that is
    text: follows, beyond copying; copies. alarm: whether it says that something changed."""

    do: Estimate | None = None
    beyond_words: Estimate | None = None
    beyond_person: Estimate | None = None
    control: Estimate | None = None
    identification: Estimate | None = None
    ablated: Estimate | None = None
    follows: Estimate | None = None
    copies: Estimate | None = None
    alarm: Estimate | None = None


def state_effects(table: Table, reader: str) -> StateEffects:
    """What changes of the state showed; nothing of one that moved no behaviour."""
    return replace(_of_hidden(table, reader), **_of_text(table, reader))


def _of_hidden(table: Table, reader: str) -> StateEffects:
    changed = _moving(hidden_change(table, reader)) or _moving(hidden_change(table, reader, control=False))
    if changed is None:
        return StateEffects()
    names, change = changed
    group = numbered([(table.trials[i].question.quantity, len(table.trials[i].question.options)) for i in names])
    try:
        if change.control_before is None:  # nothing to take off: the slope stands for a claim that lacks its controls
            return StateEffects(state_effect.causal(change), identification=state_effect.identification(change, group))
        words, person = state_effect.causal_net(change), state_effect.causal_beyond_others(change)
        return StateEffects(
            state_effect.hidden_effect(change), words, person, state_effect.causal_control(change),
            state_effect.identification(change, group), _ablated(table, names, change),
        )  # fmt: skip
    except ValueError:
        return StateEffects()


def _of_text(table: Table, reader: str) -> dict[str, Estimate | None]:
    changed = _moving(text_change(table, reader)) or _moving(text_change(table, reader, control=False))
    if changed is None:
        return {}
    out: dict[str, Estimate | None] = {"alarm": alarm(table, reader)}
    try:
        follows, copies = state_effect.beyond_copying(changed[1])
        return {**out, "follows": follows, "copies": copies}
    except ValueError:
        return out


def _moving(changed: ChangedItems | None) -> ChangedItems | None:
    """The changed items, where the change moved behaviour."""
    return changed if changed is not None and moving(changed[1]) else None


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
        own, beside = (
            table.trials[table.of_control[i, control, arm]].question for arm in ("changed", "fact_changed")
        )
        net.append(beyond_word(_change(asked[i], sham[i]), _change(fact[i], fact_sham[i]), own, beside))
    # Rounded: where both words move alike on every item, what is left of the sums is no effect.
    return mean(np.round(net, 9), numbered([table.trials[i].cluster for i in ids]))


def beyond_word(alarm_K: Array, fact_K: Array, asked: Question, fact: Question) -> float:
    """How much likelier yes, it was changed, became, less what the word that says so gained on a plain fact. alarm_K,
    fact_K: by how much each answer of the two questions became likelier; the answers are what is meant, and of a
    negated question the word yes means no."""
    word_yes = float(fact_K[1 if fact.negated else 0])
    return float(alarm_K[0]) - (-word_yes if asked.negated else word_yes)


def _change(after: Reading, before: Reading) -> Array:
    return np.array(after.distribution) - np.array(before.distribution)


def _ablated(table: Table, names: Sequence[str], change: state_effect.Change) -> Estimate | None:
    """The plain report is the report without the state; what the same words gain, or a third person, is taken off."""
    past = table.answered(table.on("history")[0]) if table.on("history") else {}
    rows = [k for k, i in enumerate(names) if i in past]
    if len({change.cluster[k] for k in rows}) < 2:
        return None
    history = matrix([past[names[k]].distribution or () for k in rows], change.before.shape[1])
    _, cluster = np.unique(change.cluster[rows], return_inverse=True)
    beside = [
        change.before + _gain(*pair)
        for pair in ((change.control_before, change.control_after), (change.person_before, change.person_after))
    ]
    try:
        return min(
            (
                state_effect.ablated(
                    change.after[rows], without[rows], change.xa_after[rows], change.xb_after[rows], history,
                    cluster.astype(np.int64),
                )
                for without in beside
            ),
            key=lambda x: x.low,
        )  # fmt: skip
    except ValueError:
        return None


def _gain(before: Array | None, after: Array | None) -> Array:
    assert before is not None
    assert after is not None
    return after - before

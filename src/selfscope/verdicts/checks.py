"""The required controls of a claim: ran and passed, failed, or missing, each with its numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from selfscope.statistics import Estimate, Ints, auroc, mean
from selfscope.verdicts import state_effect
from selfscope.verdicts.assemble import Table
from selfscope.verdicts.changes import hidden_change, text_change
from selfscope.verdicts.claims import Check
from selfscope.verdicts.controls_of import MATTERS, RUN
from selfscope.verdicts.settings import Settings
from selfscope.verdicts.shares import Items, Shares, composed
from selfscope.verdicts.splits import tracking


def required(
    table: Table, reader: str, ids: Sequence[str], items: Items, composition: Shares, s: Settings
) -> list[Check]:
    """One check for each row of the table of required controls, in its order."""
    inputs = table.rivals("input")
    return [
        format_panel(items, s),
        yes_bias(table, reader),
        _present("prior", table.rivals("prior")),
        _present("input rival", inputs, "one of them, used twice" if len(inputs) == 1 else ""),
        _present("history rival", table.rivals("history")),
        reliable(table, composition, s),
        _present("near twin", table.rivals("twin")),
        *changed_state(table, reader),
        *hidden_state(table, reader),
        shuffled(table, ids, items, composition, s),
        competence(table, reader),
        truth_ceiling(items),
        third_person(table, reader, s),
    ]


def check(name: str, status: str, detail: str) -> Check:
    """A check with the claims that need it and what to run when it is missing."""
    return Check(name, status, detail, MATTERS[name], RUN[name] if status != "passed" else "")


def _present(name: str, readers: Sequence[str], note: str = "") -> Check:
    if not readers:
        return check(name, "missing", "nobody on this rung answered")
    return check(name, "passed", ", ".join(readers) + (f" ({note})" if note else ""))


def crossed(items: Items, s: Settings) -> bool:
    """Whether the option that stands first, or means "yes", varies: else format and intercept are one column."""
    place = np.array([items.first == k for k in range(items.report.shape[1])]).sum(1)
    return bool(place.max() < s.one_order * len(items.first))


def format_panel(items: Items, s: Settings) -> Check:
    common = float(np.bincount(items.first).max()) / len(items.first)
    detail = f"the commonest first option stands first on {100 * common:.0f} % of the items"
    return check("format panel", "passed" if crossed(items, s) else "failed", detail)


def yes_bias(table: Table, reader: str) -> Check:
    """The panel of facts and absurdities: how often is the answer yes, and does it know the difference?"""
    control = table.control("panel", reader)
    cells = table.answered(reader, control)
    yes, true = [], []
    for base, reading in cells.items():
        truth = table.truth_under(base, control)
        if truth is not None and reading.distribution is not None and len(reading.distribution) == 2:
            yes.append(reading.distribution[0])
            true.append(truth.mean[0] > 0.5)
    if not yes:
        return check("yes-bias panel", "missing", "no matched facts and absurdities were asked")
    rate, positive = float(np.mean(yes)), np.array(true)
    detail = f"says yes {100 * rate:.0f} % on {len(yes)} statements of which {100 * positive.mean():.0f} % are true"
    if positive.any() and not positive.all():
        detail += f"; tells them apart with AUROC {auroc(np.array(yes), positive):.2f}"
    return check("yes-bias panel", "passed", detail)


def reliable(table: Table, composition: Shares, s: Settings) -> Check:
    if not table.rivals("history"):
        return check("reliable history", "missing", "no history rival")
    status = "passed" if composition.kappa >= s.kappa else "failed"
    more = f"more history would explain {composition.f_hat:.2f}"
    detail = f"reliability {max(0.0, composition.kappa):.2f} (at least {s.kappa:.2f}); {more}"
    return check("reliable history", status, detail)


def changed_state(table: Table, reader: str) -> list[Check]:
    """Whether hidden turns ran and moved behaviour, the sham, and the control question."""
    bare = text_change(table, reader, control=False)
    if bare is None:
        return [
            check("changed state", "missing", "the state was never changed"),
            check("sham", "missing", "no irrelevant change was made"),
            check("control question", "missing", "no question was asked that the change should not touch"),
        ]
    return [_moved("changed state", bare[1]), _sham(table, reader), _control_question(table, reader)]


def hidden_state(table: Table, reader: str) -> list[Check]:
    """Whether a state that no report can read was changed and moved behaviour, and what it did to the same words and to
    a third person."""
    bare, beside = hidden_change(table, reader, control=False), hidden_change(table, reader)
    if bare is None:
        why = "no state was changed that a report cannot read as text"
        return [check(name, "missing", why) for name in ("hidden state", "same words", "changed third person")]
    moved = _moved("hidden state", bare[1])
    if beside is None:
        why = "not asked under the changed state"
        return [moved, *(check(name, "missing", why) for name in ("same words", "changed third person"))]
    return [
        moved, _subtracted("same words", beside[1], state_effect.causal_control),
        _subtracted("changed third person", beside[1], state_effect.third_person),
    ]  # fmt: skip


def _moved(name: str, change: state_effect.Change) -> Check:
    moved = state_effect.moved(change)
    status = "passed" if moved.low > 0 else "failed"
    return check(name, status, f"behaviour moved by {moved.value:.3f} {_interval(moved)} (squared distance)")


def _sham(table: Table, reader: str) -> Check:
    shams = text_change(table, reader, control=False, sham=True)
    if shams is None:
        return check("sham", "missing", "no irrelevant change was made")
    try:
        slope = state_effect.sham_slope(shams[1])
    except ValueError:
        return check("sham", "failed", "the change moved no behaviour, so the sham says nothing")
    status = "failed" if slope.low > 0 else "passed"
    return check("sham", status, f"slope of the report under an irrelevant change {slope.value:.2f} {_interval(slope)}")


def _control_question(table: Table, reader: str) -> Check:
    controlled = text_change(table, reader)
    if controlled is None:
        return check("control question", "missing", "no question was asked that the change should not touch")
    return _subtracted("control question", controlled[1], state_effect.causal_control)


def _subtracted(name: str, change: state_effect.Change, of: Callable[[state_effect.Change], Estimate]) -> Check:
    try:
        slope = of(change)
    except ValueError:
        return check(name, "failed", "the change moved no behaviour")
    return check(name, "passed", f"its slope {slope.value:.2f} {_interval(slope)} is subtracted")


def shuffled(table: Table, ids: Sequence[str], items: Items, composition: Shares, s: Settings) -> Check:
    """Reports re-paired within the same question and option count: the interval of the private share must hold 0 (of
    what goes with what it does, where the full split is singular). A question that is asked of one cluster alone has no
    other to be paired with: such are re-paired among each other."""
    counts = items.there.sum(1)
    asked = [table.trials[i].question.quantity for i in ids]
    many = {q for q in asked if len({items.cluster[n] for n, own in enumerate(asked) if own == q}) > 1}
    group = np.array([stratum(q if q in many else "", int(k)) for q, k in zip(asked, counts, strict=True)])
    rng = np.random.default_rng([s.seed, len(ids), items.clusters])
    outside = 0
    for _ in range(s.shuffles):
        report = items.report.copy()
        for name in np.unique(group):
            rows = np.nonzero(group == name)[0]
            report[rows] = report[rng.permutation(rows)]
        again = replace(items, report=report)
        private = tracking(again).estimates.get("tracking") if composition.singular else private_share(again)
        outside += private is not None and not private.low <= 0 <= private.high
    status = "passed" if outside <= s.outside else "failed"
    return check("shuffled pairing", status, f"{outside} of {s.shuffles} re-paired intervals of the share miss 0")


def stratum(quantity: str, options: int) -> str:
    """A stratum's name."""
    return f"{quantity}|{options}"


def private_share(items: Items) -> Estimate:
    """The private share with its evaluation interval alone (the rival's training is the same in every shuffle)."""
    return composed(replace(items, jack=items.jack[:0], set_variance=items.rival_variance))[0]["private"]


def competence(table: Table, reader: str) -> Check:
    """Can it apply the property to a given string? Probability of the right answer above chance."""
    control = table.control("competence", reader)
    cells = table.answered(reader, control)
    hits, chance, clusters = [], [], []
    for base, reading in cells.items():
        truth = table.truth_under(base, control)
        if truth is None or reading.distribution is None:
            continue
        hits.append(sum(f * x for f, x in zip(reading.distribution, truth.mean, strict=True)))
        chance.append(1 / len(truth.mean))
        clusters.append(table.trials[base].cluster)
    if len(hits) < 2:
        return check("property competence", "missing", "the property was never asked of a given string")
    place: Ints = np.unique(np.array(clusters), return_inverse=True)[1].astype(np.int64)
    above = mean(np.array(hits) - np.array(chance), place)
    detail = f"right answer {above.value:+.2f} {_interval(above)} against chance on {len(hits)} given strings"
    return check("property competence", "passed" if above.low > 0 else "failed", detail)


def truth_ceiling(items: Items) -> Check:
    """Does the truth vary beyond the rivals at all? Without that there is nothing private to have access to."""
    c = mean(((items.xa - items.history) * (items.xb - items.history)).sum(1), items.cluster)
    detail = f"private variation {c.value:.3f} {_interval(c)}"
    return check("truth ceiling", "passed" if c.low > 0 else "failed", detail)


def third_person(table: Table, reader: str, s: Settings) -> Check:
    cells = table.cells(reader, table.control("person", reader))
    if not cells:
        return check("third person", "missing", "nobody asked about a typical assistant")
    plain = {k: v for k, v in table.cells(reader).items() if k in cells}
    gap = _rate(cells) - _rate(plain)
    status = "failed" if abs(gap) > s.parse_gap and len(cells) >= 20 else "passed"
    return check("third person", status, f"asked {len(cells)} times; answered {gap:+.2f} against the self")


def _rate(cells: object) -> float:
    assert isinstance(cells, dict)
    return sum(r.distribution is not None for r in cells.values()) / max(len(cells), 1)


def _interval(x: Estimate) -> str:
    return f"[{x.low:.2f}, {x.high:.2f}]"



"""A whole study's rows from a simulated world, so that `judge` can be tested where the right verdict is known."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from selfscope.controls.competence import Competence
from selfscope.controls.panel import YesBias
from selfscope.controls.states import Changed, ChangedCompetence, Sham
from selfscope.controls.words import Paraphrase, ThirdPerson
from selfscope.readers.ask import Ask
from selfscope.readers.history_baseline import HistoryBaseline
from selfscope.readers.input_baseline import InputBaseline
from selfscope.readers.other_model import OtherModel
from selfscope.readers.prior import Prior
from selfscope.records import (
    Message,
    Option,
    Outcome,
    Parts,
    Prompt,
    Question,
    Reading,
    Row,
    Trial,
    Truth,
    control_part,
    reader_part,
)
from selfscope.subjects.phantom import Phantom
from selfscope.subjects.phantom_dials import Dials

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "studies"))
from world import ROLLOUTS, Array, Size, change, reports, world

_OTHER = OtherModel(Phantom(name="x"))
_TWIN = replace(_OTHER, twin=True)
ASK, OTHER, TWIN = Ask().id, _OTHER.id, _TWIN.id
PARTS = Parts(
    {r.id: reader_part(r) for r in (Prior(), InputBaseline(), _OTHER, HistoryBaseline(), _TWIN, Ask())},
    {
        c.id: control_part(c)
        for c in (Changed(), Sham(), Competence(), ChangedCompetence(), ThirdPerson(), Paraphrase(), YesBias())
    },
)
"""What the readers and controls of these rows say of themselves."""


@dataclass(frozen=True)
class Rows:
    """What `judge` takes."""

    rows: list[Row]
    trials: dict[str, Trial]
    truths: dict[str, Truth]
    parts: Parts = PARTS

    def without(self, *, reader: str = "", control: str = "") -> Rows:
        """The same study with a reader or a control left out."""
        keep = [r for r in self.rows if r.reader != reader and r.control != control]
        return replace(self, rows=keep)


def study(dials: Dials, seed: int = 0, size: Size | None = None) -> Rows:
    """Rows of a phantom with these dials: all rivals, a near twin, do(state), sham, control question, panel."""
    w = world(seed, size or Size())
    dials = replace(dials, seed=seed)
    k = w.size.options
    options = tuple(Option(f"k{j}", f"option {j}") for j in range(k))
    out = Rows([], {}, {})
    before, after = reports(w, dials), reports(w, dials, after=True)
    arms = change(w, before, after)
    assert arms.control_before is not None
    assert arms.control_after is not None
    moved = np.stack([w.xa_after, w.xb_after])
    twin = np.clip(w.h + np.random.default_rng([seed, 3]).normal(size=w.h.shape) * 0.02, 1e-6, None)
    for i in range(len(before)):
        question = Question("letter", options, order=tuple(np.roll(range(k), -int(w.first[i])).tolist()))
        base = Trial(
            f"t{i}", "toy", f"s{i % 3}", f"c{w.cluster[i]}", "task", "test", question,
            Prompt(messages=(Message("user", f"item {i}"),)), f"item {i}", f"o{i}", base=f"t{i}",
        )  # fmt: skip
        first = int(w.first[i])
        add(out, base, (w.xa[i], w.xb[i]), ROLLOUTS)
        say(out, base, "prior", "prior", w.h.mean(0))
        say(out, base, "input_baseline", "input", w.g1[i])
        say(out, base, OTHER, "input", w.g2[i])
        extra = {"jackknife": w.jack[:, i].tolist(), "halves": w.halves[:, i].tolist()}
        say(out, base, "history_baseline", "history", w.history[i], extra=extra)
        say(out, base, TWIN, "twin", twin[i] / twin[i].sum())
        say(out, base, ASK, "self", before[i], first=first)
        known = np.eye(k)[int(arms.control_before[i].argmax())]
        for control, reading, truth in (
            ("changed", after[i], moved[:, i]),
            ("sham", before[i], (w.xa[i], w.xb[i])),
            ("competence", arms.control_before[i], (known, known)),
            ("changed_competence", arms.control_after[i], (known, known)),
            ("third_person", w.h[i], (w.xa[i], w.xb[i])),
            ("paraphrase", before[i], (w.xa[i], w.xb[i])),
        ):
            other = replace(base, id=f"t{i}/{control}", control=control)
            add(out, other, truth, ROLLOUTS if control == "changed" else 0)
            say(out, other, ASK, "self", reading, first=first)
    panel(out)
    return out


def panel(out: Rows) -> None:
    """Twenty facts and absurdities, answered rightly at 0.8."""
    yes_no = (Option("yes", "Yes"), Option("no", "No"))
    for i in range(20):
        true = np.eye(2)[i % 2]
        trial = Trial(
            f"f{i}", "toy", "facts", f"f{i}", "facts", "test", Question("fact", yes_no),
            Prompt(messages=(Message("user", f"fact {i}"),)), f"fact {i}", f"f{i}", control="yes_bias", base=f"f{i}",
        )  # fmt: skip
        add(out, trial, (true, true), 0)
        say(out, trial, ASK, "self", 0.6 * true + 0.2)


def add(out: Rows, trial: Trial, halves: Sequence[Array], n: int) -> None:
    out.trials[trial.id] = trial
    a, b = (tuple(float(x) for x in h) for h in halves)
    mean = tuple((x + y) / 2 for x, y in zip(a, b, strict=True))
    out.truths[trial.id] = Truth(trial.id, mean, a, b, n, "rollouts" if n else "given")


def say(
    out: Rows, trial: Trial, reader: str, rung: str, said: Array, first: int | None = None, extra: object = None
) -> None:
    reading = Reading(
        Outcome.ANSWERED, tuple(float(x) for x in said), first=first, extra=extra or {}  # type: ignore[arg-type]
    )  # fmt: skip
    out.rows.append(Row("cell", "s", "toy", trial.id, reader, rung, trial.control, 0, reading))


def silenced(rows: Rows, outcome: Outcome, every: int = 1) -> Rows:
    """Each n-th plain self reading becomes a non-answer."""
    count, new = 0, []
    for row in rows.rows:
        if row.reader == ASK and row.control == "plain":
            count += 1
            if count % every == 0:
                row = replace(row, reading=Reading(outcome))
        new.append(row)
    return replace(rows, rows=new)

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
from selfscope.controls.vector_state import VectorState
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
from world import ROLLOUTS, Array, Size, World, reports, words, world

_OTHER = OtherModel(Phantom(name="x"))
_TWIN = replace(_OTHER, twin=True)
ASK, OTHER, TWIN, VECTOR = Ask().id, _OTHER.id, _TWIN.id, VectorState().id
PARTS = Parts(
    {r.id: reader_part(r) for r in (Prior(), InputBaseline(), _OTHER, HistoryBaseline(), _TWIN, Ask())},
    {
        c.id: control_part(c)
        for c in (
            Changed(), Sham(), Competence(), ChangedCompetence(), ThirdPerson(), Paraphrase(), YesBias(), VectorState(),
        )
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

    def without(self, *, reader: str = "", control: str = "", arm: str = "") -> Rows:
        """The same study with a reader, a control or an arm left out."""
        keep = [
            r for r in self.rows
            if r.reader != reader and r.control != control and self.trials[r.trial].arm != arm
        ]  # fmt: skip
        return replace(self, rows=keep)


def study(dials: Dials, seed: int = 0, size: Size | None = None) -> Rows:
    """Rows of a phantom with these dials: all rivals, a near twin, hidden turns with sham and control question, a
    vector with the same words and a third person, the panel."""
    w = world(seed, size or Size())
    dials = replace(dials, seed=seed)
    k = w.size.options
    options = tuple(Option(f"k{j}", f"option {j}") for j in range(k))
    out = Rows([], {}, {})
    rng = np.random.default_rng([seed, 3])
    twin = np.clip(w.h + rng.normal(size=w.h.shape) * 0.02, 1e-6, None)
    before = reports(w, dials)
    plain = w.xa, w.xb
    known = words(w, Dials())
    right = np.eye(k)[known.argmax(1)]
    turned = behind_turns(w)
    under = reports(turned, dials, after=True)
    asked = {
        "changed": (under, (turned.xa_after, turned.xb_after)),
        "sham": (before, plain),
        "competence": (asked_again(rng, known), (right, right)),
        "changed_competence": (asked_again(rng, known), (right, right)),
        "third_person": (w.h, plain),
        "paraphrase": (before, plain),
    }
    pushed = {
        "changed": (reports(w, dials, after=True), (w.xa_after, w.xb_after)),
        "words": (asked_again(rng, known), (right, right)),
        "words_changed": (asked_again(rng, words(w, dials, after=True)), (right, right)),
        "person": (asked_again(rng, reports(w, dials, person=True)), plain),
        "person_changed": (asked_again(rng, reports(w, dials, person=True, after=True)), (w.xa_after, w.xb_after)),
    }
    for i in range(len(before)):
        first = int(w.first[i])
        question = Question("letter", options, order=tuple(np.roll(range(k), -first).tolist()))
        base = Trial(
            f"t{i}", "toy", f"s{i % 3}", f"c{w.cluster[i]}", "task", "test", question,
            Prompt(messages=(Message("user", f"item {i}"),)), f"item {i}", f"o{i}", base=f"t{i}",
        )  # fmt: skip
        add(out, base, (w.xa[i], w.xb[i]), ROLLOUTS)
        say(out, base, "prior", "prior", w.h.mean(0))
        say(out, base, "input_baseline", "input", w.g1[i])
        say(out, base, OTHER, "input", w.g2[i])
        extra = {"jackknife": w.jack[:, i].tolist(), "halves": w.halves[:, i].tolist()}
        say(out, base, "history_baseline", "history", w.history[i], extra=extra)
        say(out, base, TWIN, "twin", twin[i] / twin[i].sum())
        say(out, base, ASK, "self", before[i], first=first)
        for control, (reading, truth) in asked.items():
            copied = {"copied": int(turned.pushed[i])} if control == "changed" else {}
            other = replace(base, id=f"t{i}/{control}", control=control, coordinates=copied)
            add(out, other, (truth[0][i], truth[1][i]), ROLLOUTS if control == "changed" else 0)
            say(out, other, ASK, "self", reading[i], first=first)
        for arm, (reading, truth) in pushed.items():
            other = replace(base, id=f"t{i}/{VECTOR}/{arm}", control=VECTOR, arm=arm)
            add(out, other, (truth[0][i], truth[1][i]), 0 if "words" in arm else ROLLOUTS)
            say(out, other, ASK, "self", reading[i], first=first)
    panel(out)
    return out


def behind_turns(w: World) -> World:
    """The same items behind turns that end in a reply, which persuade in some clusters more than in others."""
    rng = np.random.default_rng([14, w.seed, len(w.p)])
    reply = rng.integers(0, w.size.options, w.size.clusters)[w.cluster]
    part = rng.uniform(0.1, 0.9, w.size.clusters)[w.cluster][:, None]
    after = (1 - part) * w.p + part * np.eye(w.size.options)[reply]
    xa, xb = (rng.multinomial(ROLLOUTS // 2, after) / (ROLLOUTS // 2) for _ in range(2))
    return replace(w, p_after=after, xa_after=xa, xb_after=xb, pushed=reply)


def asked_again(rng: np.random.Generator, said: Array) -> Array:
    """(n, K) what is said of it this time: noise with the mean of what is meant."""
    drawn = rng.standard_gamma(60 * said + 1e-3)
    return np.asarray(drawn / drawn.sum(1, keepdims=True))


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

"""Studies of phantoms as the product makes them, but for controls that change no share: questions, truths and rivals
are the product's own and are made once, so that many dials are judged in one world.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from selfscope.controls.vector_state import VectorState
from selfscope.readers.ask import Ask, elicit
from selfscope.readers.base import Reader
from selfscope.records import Identified, Parts, Reading, Row, Trial, Truth, id_of
from selfscope.study.base import PhenomenonPlan, Study
from selfscope.study.plan import StudyOptions, plan
from selfscope.study.sampling import PosedPhenomenon, chosen_for, chosen_questions, known_truth, treated
from selfscope.subjects.base import Subject
from selfscope.subjects.open_phantom import OpenPhantom
from selfscope.subjects.phantom import Phantom
from selfscope.subjects.phantom_dials import Dials, marginal
from selfscope.verdicts.assemble import items_of, tables
from selfscope.verdicts.claims import Claim
from selfscope.verdicts.items import Items
from selfscope.verdicts.judging import judge
from selfscope.verdicts.settings import Settings
from selfscope.verdicts.splits import tracking

RIVALS = ("prior", "input", "history")
FAST = Settings(shuffles=1)
"""Shuffled pairings are a control and change no share."""
CHANNELS = ("access", "habit", "input", "format", "narrative")
DRAWS = 400
"""Of what a half of the rollouts may show, for the expectation of its mode."""


@dataclass(frozen=True)
class Published(Identified):
    """What another phantom with the same habit says of itself: the habit of the subject, as far as anybody can know it.

    It learns nothing from the subject, so that its forecast owes nothing to a sample: any two sets of examples would
    give the same, which is how a rival on the rung of history says so.
    """

    kind: ClassVar[str] = "published"
    title: ClassVar[str] = "the subject's published habit"
    observer: Subject = field(repr=False)

    @property
    def rung(self) -> str:
        return "history"

    def fit(self, subject: Subject, trials: Sequence[Trial], truths: Sequence[Truth]) -> Published:
        """Nothing is learnt."""
        return self

    def read(self, subject: Subject, trials: Sequence[Trial]) -> list[Reading]:
        """Of the public part alone."""
        readings = elicit(self.observer, trials, "choice_lp", hide_state=True)
        return [replace(r, extra={"sets": [r.distribution] * 2}) if r.distribution else r for r in readings]


def told(seed: int) -> tuple[tuple[str | Reader, ...], Subject]:
    """(readers, other) of a study whose rivals can express all that is public of the phantom with this seed: another
    with its habit, and one that says how anybody reads the text."""
    twin = Phantom("twin", habit=1.0, kappa=math.inf, seed=seed)
    return ("ask", Published(twin)), Phantom("anyone", input=1.0, kappa=math.inf, seed=seed)


@dataclass(frozen=True)
class World:
    """Everything of a study but the answers. rivals: rows of who knows the public part, and of the usual rivals, by
    "told" and "usual". asked: by form the reader that speaks and the trials that it is asked. treated: those with a
    changed state. hidden: it is an open phantom's."""

    seed: int
    phenomenon: str
    parts: Parts
    trials: Mapping[str, Trial]
    truths: Mapping[str, Truth]
    rivals: Mapping[str, tuple[Row, ...]]
    asked: Mapping[str, tuple[Reader, tuple[Trial, ...]]]
    treated: tuple[Trial, ...]
    hidden: bool
    _pure: dict[str, dict[str, list[Row]]] = field(default_factory=dict, repr=False, compare=False)
    _said: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def claim(self, dials: Dials, form: str, rivals: str = "told") -> Claim:
        """What the product says of a phantom with these dials. form: dist | choice (the primary reader, which answers
        with a distribution or with one option drawn from it) | free (one greedy reply, which names an option).
        rivals: told | usual."""
        reader = self.asked[form][0]
        claims = judge(self._rows(dials, form, rivals), self.trials, self.truths, self.parts, FAST)
        return next(claim for claim in claims if claim.reader == id_of(reader))

    def _rows(self, dials: Dials, form: str, rivals: str) -> list[Row]:
        """The usual rivals are always there. What was asked last is kept: it is judged with other rivals too."""
        turned = replace(dials, form="choice" if form == "choice" else "dist", seed=self.seed)
        subject: Subject = self._phantom(turned)
        if self.hidden:
            subject = OpenPhantom(seed=self.seed, access=dials.access, form=turned.form)
        if (dials, form) != self._said.get("of"):
            reader, trials = self.asked[form]
            self._said.update({"of": (dials, form), "rows": said(subject, reader, (*trials, *self.treated))})
        return [*self.rivals["usual"], *(self.rivals["told"] if rivals == "told" else ()), *self._said["rows"]]

    def _phantom(self, dials: Dials) -> Phantom:
        """What phantoms of one seed do is worked out once: the dials have no say in it."""
        subject = Phantom(dials=dials, seed=self.seed)
        subject._behaviours = self._said.setdefault("behaviours", subject._behaviours)
        return subject

    def pure(self, form: str) -> Mapping[str, list[Row]]:
        """By channel, what a phantom that has nothing else is expected to say."""
        key = "free" if form == "free" else "dist"
        if key not in self._pure:
            reader, trials = self.asked[key]
            for channel in CHANNELS[:4]:
                subject = self._phantom(Dials(**{channel: 1.0}, kappa=math.inf, seed=self.seed))
                self._pure.setdefault(key, {})[channel] = said(subject, reader, trials)
            self._pure[key]["narrative"] = [
                replace(row, reading=replace(row.reading, distribution=_made_up(self.seed, len(d), key)))
                for row in self._pure[key]["access"] if (d := row.reading.distribution)
            ]  # fmt: skip
        return self._pure[key]

    def expected(self, dials: Dials, form: str) -> list[Row]:
        """The report that is expected of a phantom with these dials, over all draws of its channels."""
        pure, weights = self.pure(form), dict(zip(CHANNELS, dials.shares[:5], strict=True))
        by_channel = {c: {r.trial: r.reading.distribution for r in rows} for c, rows in pure.items()}
        out = []
        for row in pure["access"]:
            if row.reading.distribution is None:
                continue
            mean = sum(w * np.array(by_channel[c][row.trial]) for c, w in weights.items())
            out.append(replace(row, reading=replace(row.reading, distribution=tuple(mean), kind="distribution")))
        return out

    def exact_tracking(self, dials: Dials, form: str) -> float:
        """The slope that the tracking share estimates: of what is expected of it on what it does, without any noise."""
        behaves = {r.trial: r.reading.distribution for r in self.pure("dist")["access"] if r.reading.distribution}
        truths = {
            i: Truth(i, *(3 * (self._seen(self.truths[i], p, form),)), 0, "exact") for i, p in behaves.items()
        }  # fmt: skip
        items = self.items([*self.rivals["usual"], *self.expected(dials, form)], form, truths)
        return tracking(items).estimates["tracking"].value

    def _seen(self, truth: Truth, p: Sequence[float], form: str) -> tuple[float, ...]:
        """What a half of the rollouts is expected to show: p, or, where reports name one option, its mode."""
        if form != "free":
            return tuple(p)
        if truth.n == 0:
            top = np.array(p) >= max(p) - 1e-12
            return tuple((top / top.sum()).tolist())
        draws = np.random.default_rng([7, self.seed]).multinomial(truth.n // 2, np.array(p) / sum(p), size=DRAWS)
        top = draws == draws.max(1, keepdims=True)
        return tuple((top / top.sum(1, keepdims=True)).mean(0).tolist())

    def items(self, rows: Iterable[Row], form: str, truths: Mapping[str, Truth] | None = None) -> Items:
        """What the estimator is given."""
        table = tables(rows, self.trials, truths or self.truths, self.parts)[0]
        found = items_of(table, id_of(self.asked[form][0]))
        assert found is not None
        return found[1]

    def left(self, rivals: str) -> tuple[float, float]:
        """(of the truth, of the habit): the part of the variance beyond intercepts that these rivals leave."""
        every = [*self.rivals["usual"], *(self.rivals["told"] if rivals == "told" else ())]
        items = self.items([*every, *self.pure("dist")["habit"]], "dist")
        return _left(items, items.xa, items.xb), _left(items, items.report, items.report)

def _made_up(seed: int, k: int, form: str) -> tuple[float, ...]:
    """(K,) the mean of a narrative answer: nine tenths on a drawn option and the rest spread, or that option alone."""
    shares = marginal(seed, k)
    return tuple((shares if form == "free" else 0.9 * shares + 0.1 / k).tolist())


def _left(items: Items, a: np.ndarray, b: np.ndarray) -> float:
    """1 - R2 of the rivals, the noise of two halves (n, K) taken out."""
    constant = items.dummies[items.there]
    rivals = np.stack([items.history, items.g1, items.g2], axis=2)[items.there]

    def own(y: np.ndarray) -> np.ndarray:
        return np.asarray(y - constant @ np.linalg.lstsq(constant, y, rcond=None)[0])

    ya, yb, z = own(a[items.there]), own(b[items.there]), own(rivals)
    solved = [z @ np.linalg.lstsq(z, y, rcond=1e-9)[0] for y in (ya, yb)]
    return 1 - float(solved[0] @ yb + ya @ solved[1]) / 2 / float(ya @ yb)


def world(seed: int, profile: str, phenomenon: str, *, hidden: bool = False) -> World:
    """The study of the phantom with this seed. What it does depends on the seed alone, not on the dials. hidden: of an
    open phantom, whose state a vector changes; without rivals, which no causal slope needs."""
    subject: Subject = OpenPhantom(seed=seed, access=0.4) if hidden else Phantom(seed=seed)
    options = StudyOptions(profile=profile, phenomena=(phenomenon,), seed=seed)
    if not hidden:
        readers, other = told(seed)
        options = replace(options, readers=readers, other=other)
    study = plan(subject, options)
    own = study.plans[0]
    own = replace(own, controls=tuple(c for c in own.controls if hidden and isinstance(c, VectorState)))
    chosen = chosen_questions(study, own, own.phenomenon.pose(subject, seed))
    chosen = [t for t in chosen if t.split != "dev"]
    posed = treated(study, own, chosen, _prepared(study, own, chosen))
    return _answered(study, own, posed, hidden=hidden)


def _prepared(study: Study, own: PhenomenonPlan, trials: Sequence[Trial]) -> dict[str, Sequence[Trial]]:
    made: dict[str, Sequence[Trial]] = {}
    for control in own.controls:
        picked = chosen_for(study, own, control, trials)
        ready = control.prepared(study.subject, picked, study.seed)  # type: ignore[attr-defined]
        made[id_of(control)] = ready.apply(picked, study.seed)
    return made


def _answered(study: Study, own: PhenomenonPlan, posed: PosedPhenomenon, *, hidden: bool) -> World:
    """Truths, and the rows of the rivals."""
    parts, every, subject = study.parts(), posed.every, study.subject
    truths = {t.id: known for t in every if (known := known_truth(t, parts)) is not None}
    measured = [t for t in every if t.id not in truths]
    truths |= {t.trial: t for t in own.phenomenon.truth(measured, own.phenomenon.observe(subject, measured))}
    test = [t for t in posed.trials if t.split == "test"]
    rivals: dict[str, list[Row]] = {"told": [], "usual": []}
    asked: dict[str, tuple[Reader, tuple[Trial, ...]]] = {}
    for reader, trial_sets in posed.by_reader():
        if reader.rung in RIVALS and not hidden:
            fitted = reader.fit(subject, posed.train, [truths[t.id] for t in posed.train])
            rivals["told" if hasattr(reader, "observer") else "usual"] += said(subject, fitted, test)
        elif isinstance(reader, Ask):
            asked.setdefault("dist", (reader, tuple(trial_sets[0][1])))
            asked.setdefault(reader.format, (reader, tuple(trial_sets[0][1])))
    asked.setdefault("free", (Ask("free"), tuple(posed.one_per_cluster)))
    asked["choice"] = asked["dist"]
    changed = tuple(t for _, trials in posed.treated for t in trials)
    return World(
        study.seed, own.phenomenon.kind, parts, {t.id: t for t in (*test, *changed)}, truths,
        {name: tuple(rows) for name, rows in rivals.items()}, asked, changed,
        hidden,
    )  # fmt: skip


def said(subject: Subject, reader: Reader, trials: Sequence[Trial]) -> list[Row]:
    """A reader's rows."""
    return [
        Row("", subject.identity, t.phenomenon, t.id, id_of(reader), reader.rung, t.control, 0, reading)
        for t, reading in zip(trials, reader.read(subject, trials), strict=True)
    ]

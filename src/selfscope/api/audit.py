"""What a taught report learnt: against its twin, where training changed what it reports on, under shifted behaviour, of
a subject to which nothing was done, and in words that others can read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from selfscope.api.audit_findings import Audit, Finding
from selfscope.api.bases import base_of
from selfscope.api.elicit import QUESTIONS, taught_in
from selfscope.api.kept_apart import apart, phenomenon_of
from selfscope.api.telling import told_by
from selfscope.controls.alarm import Alarm
from selfscope.controls.states import Changed, Sham
from selfscope.errors import BadInput
from selfscope.readers.ask import Ask
from selfscope.readers.prior import Prior
from selfscope.records import check_seed
from selfscope.statistics import Array, Ints, mean, proportion
from selfscope.study.sampling import one_in_each_cluster
from selfscope.verdicts.assemble import matrix, numbered
from selfscope.verdicts.interventions import beyond_word
from selfscope.verdicts.ladder import skill
from selfscope.verdicts.taught import Told, divergence, follows, gain, gains_by_change

if TYPE_CHECKING:
    from selfscope.phenomena.base import Phenomenon
    from selfscope.records import Trial
    from selfscope.study import Progress
    from selfscope.subjects.adapter_files import Sidecar
    from selfscope.subjects.base import Subject

def audit(
    folder: Path | str,
    phenomenon: str | Phenomenon,
    *,
    model: str | Subject | None = None,
    twin: Path | str | None = None,
    shifted: Sequence[Path | str] = (),
    seed: int = 0,
    hardware: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Audit:
    """Asks a taught model what it was taught to tell, on things that it was not taught with.

    Parameters
    ----------
    folder
        Of the adapter.
    phenomenon
        What is asked about: the configuration that it was taught with.
    model
        The model that it is put on, where that is to be found by another name than when it was made.
    twin
        Folder of an adapter that was taught as many labels of something else: shuffled, or of another subject.
    shifted
        Folders of adapters that change what the subject does, as organisms: does the report follow? Beside one stands
        its benign twin, where it has one.
    seed
        As it was taught with.
    hardware
        How that model is loaded (see `load`; default: in the dtype in which it was then).
    progress
        Told of the work ahead and of each part.

    Returns
    -------
    Audit
        Shows itself as a table.

    Raises
    ------
    BadInput
        It was taught what is asked, or answers none of it; a decoder; an adapter of another model; a twin that is
        the adapter itself; or a seed below 0.
    """
    from selfscope.subjects.adapter_files import made_on

    check_seed(seed)
    place, about = Path(folder), phenomenon_of(phenomenon)
    side = taught_in(place)
    others = {str(one): taught_in(one) for one in (*(() if twin is None else (twin,)), *shifted)}
    if twin is not None and others[str(twin)].identity == side.identity:
        raise BadInput(f"the twin {twin} is what {folder} is: give an adapter that was taught something else")
    if progress is not None:
        progress.plan(6.0 + len(shifted))
    told = told_by(progress)
    told("loading", 0.0)
    base = base_of(side, model, hardware)
    for one, own in {str(place): side, **others}.items():
        made_on(own, cast(Any, base), one)
    scene = _scene(place, side, about, base, seed, told)
    found = [
        *_gains(scene, twin), *_changed(scene), *_turns(scene), *(f for one in shifted for f in _shifted(scene, one)),
        *_false_reports(scene), *_legible(scene),
    ]  # fmt: skip
    return Audit(place, about.id, tuple(found))


@dataclass(frozen=True)
class _Scene:
    """What all parts share. folder: what is looked into. rates: (n, K) base rates of the test trials. always: whether
    it changes what the subject does."""

    about: Any
    seed: int
    test: Sequence[Trial]
    base: Any
    folder: Path
    always: bool
    rates: Array
    cluster: Ints
    step: Callable[[str, float], None]
    known: dict[str, Told] = field(default_factory=dict)

    @property
    def worn(self) -> Any:
        return self.over(self.base)

    def over(self, subject: Any) -> Any:
        """The base, or the base with something else on, with what is looked into."""
        from selfscope.subjects.written_files import put_on

        return put_on(subject, self.folder, base=self.base)

    def told(self, reporter: Any, actor: Any, trials: Sequence[Trial] = ()) -> Told:
        """What one subject reports of the test trials, or of these in their place, and what another then does."""
        asked = trials or self.test
        key = f"{reporter.identity} {actor.identity} {[t.id for t in asked]}"
        if key not in self.known:
            width = self.rates.shape[1]
            truths = self.about.truth(asked, self.about.observe(actor, asked))
            halves = [matrix([getattr(t, half) for t in truths], width) for half in ("half_a", "half_b")]
            rolls = np.array([t.n for t in truths], dtype=np.int64)
            self.known[key] = Told(_said(reporter, asked, width), halves[0], halves[1], rolls)
        return self.known[key]

    @property
    def old(self) -> Told:
        return self.told(self.base, self.base)

    @property
    def new(self) -> Told:
        """Taught, about the behaviour before."""
        return self.told(self.worn, self.base)


def _scene(
    place: Path, side: Sidecar, about: Any, subject: Subject, seed: int, step: Callable[[str, float], None]
) -> _Scene:
    from selfscope.subjects.live_adapters import SWITCHED
    from selfscope.subjects.local_weights import trainable

    base: Any = trainable(subject)
    apart(base, about, {str(place): side}, seed)
    step("measuring what it does", 0.0)
    posed = about.pose(base, seed)
    train = [t for t in posed if t.split == "train"]
    test = one_in_each_cluster([t for t in posed if t.split == "test"], QUESTIONS)
    test = [t for t, r in zip(test, Ask().read(base, test), strict=True) if r.distribution is not None]
    if len({t.cluster for t in test}) < 2:
        raise BadInput(f"{about.id} asks about fewer than two things that {base.name} can be asked about: give it more")
    prior = Prior().fit(base, train, about.truth(train, about.observe(base, train)) if train else [])
    rates = [r.distribution or () for r in prior.read(base, test)]
    width = max(len(t.question.options) for t in test)
    return _Scene(about, seed, test, base, place, side.carry != SWITCHED, matrix(rates, width),
                  numbered([t.cluster for t in test]), step)  # fmt: skip


def _said(subject: Any, trials: Sequence[Trial], width: int) -> Array:
    readings = Ask().read(subject, trials)
    lacking = [t.id for t, r in zip(trials, readings, strict=True) if r.distribution is None]
    if lacking:
        answered = len(trials) - len(lacking)
        raise BadInput(f"{subject.name} answered {answered} of {len(trials)} questions: all are needed")
    return matrix([r.distribution or () for r in readings], width)


def _skill(scene: _Scene, what: str, one: Told) -> Finding:
    base = Told(scene.rates, one.xa, one.xb, one.rolls)
    return Finding(what, skill(one.loss, base.loss, scene.cluster), len(scene.test))


def _gains(scene: _Scene, twin: Path | str | None) -> Iterator[Finding]:
    """Skill before, after, of the twin, and the differences."""
    from selfscope.subjects.written_files import put_on

    n = len(scene.test)
    yield _skill(scene, "skill before", scene.old)
    yield _skill(scene, "skill, taught", scene.new)
    yield Finding("gain", gain(scene.old, scene.new, scene.rates, scene.cluster), n)
    scene.step("asked before and after", 1.0)
    if twin is not None:
        other = scene.told(put_on(scene.base, twin), scene.base)
        yield _skill(scene, "skill of its twin", other)
        yield Finding("more than its twin", gain(other, scene.new, scene.rates, scene.cluster), n)
    scene.step("its twin", 1.0)


def _changed(scene: _Scene) -> Iterator[Finding]:
    """Where training changed what it does; a switched adapter changes nothing of that."""
    if scene.always:
        own = scene.told(scene.worn, scene.worn)
        yield _skill(scene, "skill, taught, on what it does now", own)
        for name, (value, items) in gains_by_change(scene.old, own, scene.rates, scene.cluster).items():
            yield Finding(f"gain where {name}", value, items)
        yield Finding("follows what training shifted", follows(scene.old, own, scene.cluster), len(scene.test))
    scene.step("what training changed", 1.0)


def _turns(scene: _Scene) -> Iterator[Finding]:
    """Behaviour shifted by secret turns, which a report can read, beyond irrelevant ones."""
    moved, sham = (
        {t.base: t for t in control.apply(scene.test, scene.seed)} for control in (Changed(), Sham())
    )  # fmt: skip
    rows = [k for k, t in enumerate(scene.test) if t.id in moved and t.id in sham]
    actor = scene.worn if scene.always else scene.base
    if rows:
        at = [scene.test[k].id for k in rows]
        plain = scene.told(scene.worn, actor, [scene.test[k] for k in rows])
        shifted = scene.told(scene.worn, actor, [moved[i] for i in at])
        calm = _said(scene.worn, [sham[i] for i in at], scene.rates.shape[1])
        cluster = numbered([scene.test[k].cluster for k in rows])
        yield Finding("follows secret turns, beyond a sham", follows(plain, shifted, cluster, calm), len(rows))
    scene.step("secret turns", 1.0)


def _shifted(scene: _Scene, place: Path | str) -> Iterator[Finding]:
    """Behaviour shifted by another adapter, beyond its benign twin where that stands beside it."""
    from selfscope.subjects.adapter_files import is_ours, read_sidecar
    from selfscope.subjects.written_files import put_on

    def stacked(folder: Path | str) -> Any:
        return scene.over(put_on(scene.base, folder))

    name = Path(place).name
    beside = Path(place).parent / str(read_sidecar(place).made.get("twin", ""))
    plain, after = scene.told(scene.worn, scene.worn if scene.always else scene.base), stacked(place)
    shifted = scene.told(after, after)
    sham, against = None, ""
    if beside.name and beside != Path(place) and is_ours(beside):
        sham, against = _said(stacked(beside), scene.test, scene.rates.shape[1]), ", beyond its twin"
    value = follows(plain, shifted, scene.cluster, sham)
    yield Finding(f"follows what {name} shifted{against}", value, len(scene.test))
    scene.step(name, 1.0)


def _false_reports(scene: _Scene) -> Iterator[Finding]:
    """How often it says that something changed it though nothing did, and how much more than before: less what the same
    training does to its word on a plain fact."""
    trials = [t for t in Alarm().apply(scene.test, scene.seed) if t.arm in ("sham", "fact_sham")]
    if trials:
        before, after = (_said(s, trials, 2) for s in (scene.base, scene.worn))
        rows: dict[str, dict[str, int]] = {}
        for k, trial in enumerate(trials):
            rows.setdefault(trial.base, {})[trial.arm] = k
        pairs = [(own["sham"], own["fact_sham"]) for own in rows.values() if len(own) == 2]
        if not pairs:
            return
        asked = [trials[k] for k, _ in pairs]
        cluster = numbered([t.cluster for t in asked])
        said = proportion(after[[k for k, _ in pairs], 0], cluster)
        yield Finding("says it was changed, nothing done", said, len(pairs))
        moved = after - before
        net = [
            beyond_word(moved[k], moved[fact], trial.question, trials[fact].question)
            for trial, (k, fact) in zip(asked, pairs, strict=True)
        ]
        yield Finding("more than before, beyond a fact", mean(np.array(net), cluster), len(pairs))
    scene.step("false reports", 1.0)


def _legible(scene: _Scene) -> Iterator[Finding]:
    """How far the report is from the untaught one; whether a reader of its words finds what its probabilities say."""
    kl = divergence(scene.new.report, scene.old.report, scene.cluster)
    yield Finding("divergence from the untaught report, nats", kl, len(scene.test))
    if "free" in scene.about.formats and scene.base.chat:
        words = Ask("free").read(scene.worn, scene.test)
        read = np.array([float(r.distribution is not None) for r in words])
        yield Finding("its words could be read", proportion(read, scene.cluster), len(words))
        rows = [k for k, found in enumerate(read) if found]
        if rows:
            said = [int(np.argmax(words[k].distribution or ())) for k in rows]
            same = np.array([float(s == int(scene.new.report[k].argmax())) for s, k in zip(said, rows, strict=True)])
            cluster = numbered([scene.test[k].cluster for k in rows])
            yield Finding("they say what its probabilities say", proportion(same, cluster), len(rows))
    scene.step("legibility", 1.0)

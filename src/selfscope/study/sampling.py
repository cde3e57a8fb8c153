"""Which trials are asked: policy alone, no model. What a phenomenon posed, and what its controls make of some of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from selfscope.controls.base import Control, movable
from selfscope.errors import BadInput
from selfscope.readers.base import Reader
from selfscope.records import PLAIN, Parts, Trial, Truth, content_hash, control_part, fault_of, id_of
from selfscope.study.base import PhenomenonPlan, Study

PANEL = 3
"""At least every third statement of a panel of plain facts is asked."""
TrialSet = tuple[str, Sequence[Trial]]
"""A control's id, and its trials."""


@dataclass(frozen=True)
class PosedPhenomenon:
    """A phenomenon's trials, those that its controls made of some of them, and the few of each cluster.

    treated: (control's id, trials). swept: (reader's id, trials on its grid)."""

    plan: PhenomenonPlan
    trials: Sequence[Trial]
    treated: Sequence[TrialSet]
    one_per_cluster: Sequence[Trial]
    swept: Sequence[tuple[str, Sequence[Trial]]] = ()

    @property
    def every(self) -> list[Trial]:
        """All of them."""
        return [*self.trials, *(t for _, trials in (*self.treated, *self.swept) for t in trials)]

    @property
    def train(self) -> list[Trial]:
        """What readers learn from."""
        return [t for t in self.trials if t.split == "train" and t.plain]

    def by_reader(self) -> Iterator[tuple[Reader, list[TrialSet]]]:
        """Each reader with what it is asked."""
        test = [t for t in self.trials if t.split == "test"]
        dev = [t for t in self.trials if t.split == "dev"]
        every = dict(self.plan.subsampled)
        for reader in self.plan.readers:
            name = id_of(reader)
            trial_sets: list[TrialSet] = [(PLAIN, self.one_per_cluster[:: every[name]] if name in every else test)]
            if name in self.plan.dev:
                trial_sets.append((PLAIN, dev))
            if name in (self.plan.arm_readers or (self.plan.primary,)):
                trial_sets += self.treated
            elif name == self.plan.primary:  # of a reading of activations: no vector stands in the place of words
                arms = {id_of(c) for c in self.plan.controls if control_part(c).role == "arm"}
                trial_sets += [(control, trials) for control, trials in self.treated if control not in arms]
            if name in self.plan.shown:
                states = {id_of(c) for c in self.plan.controls if control_part(c).role == "state"}
                trial_sets += [(control, trials) for control, trials in self.treated if control in states]
            trial_sets += [(trials[0].control, trials) for who, trials in self.swept if who == name and trials]
            yield reader, trial_sets


def treated(
    study: Study, plan: PhenomenonPlan, trials: Sequence[Trial], made: Mapping[str, Sequence[Trial]] | None = None
) -> PosedPhenomenon:
    """What the controls make of a phenomenon's trials, on as many of them as the study says for their role. made: by
    id, what those made already that had to look at the subject."""
    test = [t for t in trials if t.split == "test"]
    subset = one_in_each_cluster(test, study.per_cluster)
    known = made or {}
    altered = [
        (name, known[name] if name in known else _of_control(study, plan, c, trials))
        for name, c in ((id_of(c), c) for c in plan.controls)
    ]
    beyond = one_in_each_cluster([t for t in trials if t.split != "train"], study.per_cluster)
    swept = [(reader, c.apply(beyond, study.seed)) for reader, c in plan.sweeps]
    return PosedPhenomenon(plan, trials, altered, subset, swept)


def _of_control(study: Study, plan: PhenomenonPlan, control: Control, trials: Sequence[Trial]) -> list[Trial]:
    altered = control.apply(chosen_for(study, plan, control, trials), study.seed)
    # True and false take turns in a panel: its size is not that of the trials.
    panel = control_part(control).role == "panel"
    return altered[:: min(PANEL, study.wording_every)] if panel else altered


def chosen_for(study: Study, plan: PhenomenonPlan, control: Control, trials: Sequence[Trial]) -> Sequence[Trial]:
    """The trials that a control is given, by its role."""
    role = control_part(control).role
    subset = one_in_each_cluster([t for t in trials if t.split == "test"], study.per_cluster)
    test, train = ([t for t in trials if t.split == split] for split in ("test", "train"))
    inside = getattr(plan.phenomenon, "family", "report") != "report"
    chosen: Sequence[Trial] = test if plan.arm_readers or inside else subset
    if role in ("wording", "person", "sham") and not inside:  # no verdict uses their size
        chosen = subset[:: study.wording_every]
    elif role in ("state", "hidden_state", "competence", "state_competence"):  # of the same trials
        chosen = subset[: study.states]
    elif role in ("alarm", "masked_state"):  # dear, and seldom telling
        chosen = subset[: study.alarms]
    elif role == "arm":  # what takes the place of an item's vector may come from train
        chosen = [*chosen, *train]
    return chosen


def chosen_questions(study: Study, plan: PhenomenonPlan, trials: Sequence[Trial]) -> list[Trial]:
    """All of train, and as many questions a cluster of dev and test as the study asks, in the order they were posed."""
    if plan.all_trials or study.questions is None:
        return list(trials)
    others = [t for t in trials if t.split != "train"]
    chosen = {t.id for t in one_in_each_cluster(others, study.questions)}
    return [t for t in trials if t.split == "train"] + [t for t in others if t.id in chosen]


def with_own_ids(study: Study, plan: PhenomenonPlan, trials: Sequence[Trial]) -> list[Trial]:
    """The trials, with ids and observations of their own where the study has several configurations of one phenomenon:
    each of them may pose the same question and let the subject behave otherwise."""
    if sum(other.phenomenon.kind == plan.phenomenon.kind for other in study.plans) == 1:
        return list(trials)

    def own(name: str) -> str:
        return content_hash(plan.id, name)

    whose = content_hash(plan.id, size=8)
    return [
        replace(t, id=own(t.id), base=own(t.base) if t.base else "", observation=f"{t.observation}@{whose}")
        for t in trials
    ]


def one_in_each_cluster(trials: Sequence[Trial], per_cluster: int = 1) -> list[Trial]:
    """`per_cluster` trials of each cluster: first those whose truth a state can move (do(state) needs them), those on
    which a verdict rests, then by a hash of their ids, which does not follow the order."""
    clusters: dict[str, list[Trial]] = {}
    for trial in trials:
        clusters.setdefault(trial.cluster, []).append(trial)
    return [t for c in clusters.values() for t in sorted(c, key=_turn)[:per_cluster]]


def _turn(trial: Trial) -> tuple[bool, bool, str]:
    return not movable(trial), not trial.plain, content_hash("few", trial.id)


def known_truth(trial: Trial, parts: Parts) -> Truth | None:
    """The truth of a question whose answer its control knows (competence, panel, alarm), or None."""
    control = parts.controls.get(trial.control)
    if control is None or not control.known_answer:
        return None
    answer = trial.coordinates.get("answer")
    if answer is None:
        return None
    options = trial.question.options
    if isinstance(answer, str):
        answer = [o.key for o in options].index(answer)
    mean = tuple(float(k == answer) for k in range(len(options)))
    return Truth(trial.id, mean, mean, mean, 0, "given", int(answer))


def sound_truth(truth: Truth, options: int) -> Truth:
    """The truth. Raises BadInput where it is no distribution over the trial's options: nothing is scored against it.
    One that nobody knows is empty."""
    for part in (truth.mean, truth.half_a, truth.half_b):
        why = fault_of(part, options) if len(part) else ""
        if why:
            raise BadInput(f"the truth of trial {truth.trial} is no distribution: {why}")
    return truth

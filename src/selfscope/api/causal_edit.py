"""From a question with two answers to whether a probe's direction moves the answer more than random ones do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from selfscope.tables import Table, Tabular

if TYPE_CHECKING:
    from selfscope.phenomena.base import Phenomenon
    from selfscope.records import Trial, Truth
    from selfscope.statistics import Estimate
    from selfscope.subjects.base import OpenSubject, Subject

HEAD = ("question", "layer", "probe, AUROC", "moves", "along the probe", "random, 5 to 95 %", "place", "p")
LEAST = 20
"""Random directions beside one: fewer place nothing."""
DIRECTIONS = ("means", "weights")
SAYS, DOES = "what it says", "what it does"


@dataclass(frozen=True)
class Edit:
    """One question's answer, or what is done, when a direction is written with both signs.

    Attributes
    ----------
    quantity, moves
        The question, and what it says or what it does.
    layer
        Where the probe reads best by validation on train, and where is written.
    read
        AUROC of the probe there, on test.
    own
        Mean over items of the share of the first answer with the direction, less that against it.
    randoms
        (R,) the same of random directions of the same norm.
    p
        How often a random direction moves it as much, either way, with the +1 correction.
    """

    quantity: str
    moves: str
    layer: int
    read: Estimate
    own: Estimate
    randoms: tuple[float, ...]
    p: float

    @property
    def place(self) -> int:
        """Its place among all of them by size, 1 for the largest."""
        return 1 + sum(abs(r) >= abs(self.own.value) for r in self.randoms)


@dataclass(frozen=True)
class CausalEdit(Tabular):
    """Probes' directions among random ones. `print` shows a line for each question.

    Attributes
    ----------
    subject
        Its name.
    strength
        In medians of the norms of ordinary tokens.
    edits
        By question.
    """

    subject: str
    strength: float
    edits: tuple[Edit, ...]

    def _table(self) -> Table:
        import numpy as np

        rows = []
        for e in self.edits:
            low, high = np.quantile(e.randoms, [0.05, 0.95])
            rows.append(
                (e.quantity.replace("_", " "), str(e.layer), _interval(e.read), e.moves, _interval(e.own),
                 f"{low:+.2f} to {high:+.2f}", f"{e.place} of {len(e.randoms) + 1}", f"{e.p:.2f}")
            )  # fmt: skip
        note = (
            f"Written into every token, {self.strength:g} medians, once with and once against each direction. A probe "
            "whose AUROC is not above a half has no direction to speak of. 95 % intervals over clusters."
        )
        return Table(f"{self.subject}: directions of probes among random ones", HEAD, tuple(rows), note=note)


def causal_edit(
    model: str | Subject,
    phenomenon: str | Phenomenon,
    *,
    by: str = "means",
    layer: int | None = None,
    strength: float = 0.5,
    randoms: int = LEAST,
    items: int = 24,
    seed: int = 0,
) -> CausalEdit:
    """Writes the direction of a probe into the model, and random directions of the same norm, and asks.

    A probe shows that something can be read, not that it is used. One random direction is no control: many directions
    move a small model, so the probe's is placed among at least 20.

    Parameters
    ----------
    model
        A name (see `load`) or a subject of the tier activations.
    phenomenon
        Of activations, whose questions have two shared options, as `user_beliefs`.
    by
        means: the difference of the classes' mean states. weights: those of the probe, a filter that also holds what
        cancels noise, and moves less.
    layer
        Where the direction is read and written (None: where a probe is right most often on held-out train clusters).
    strength
        In medians of the norms of ordinary tokens there.
    randoms
        Random directions, 20 at least.
    items
        Test items of each question at most.
    seed
        Of the items and of the random directions.

    Returns
    -------
    CausalEdit
        For each question what is said and, where that is measured, what is done.

    Raises
    ------
    BadInput
        Fewer random directions, or a phenomenon that has no such question.
    Unsupported
        A subject without activations.

    References
    ----------
    Hewitt and Liang 2019, Designing and Interpreting Probes with Control Tasks.
    Haufe et al. 2014, On the Interpretation of Weight Vectors of Linear Models.
    """
    from selfscope.api.kept_apart import phenomenon_of
    from selfscope.api.loading import load
    from selfscope.errors import BadInput
    from selfscope.phenomena.evidence import require_activations

    if by not in DIRECTIONS:
        raise BadInput(f"there is no direction {by!r}; there are: {', '.join(DIRECTIONS)}")
    if randoms < LEAST:
        raise BadInput(f"{randoms} random directions place nothing: take {LEAST} or more")
    subject = require_activations(load(model) if isinstance(model, str) else model, "a causal edit")
    about = phenomenon_of(phenomenon)
    trials = about.pose(subject, seed)
    truths = {t.trial: t for t in about.truth(trials, about.observe(subject, trials)) if len(t.mean)}
    groups: dict[str, list[Trial]] = {}
    for trial in trials:
        question = trial.question
        if trial.id in truths and trial.evidence is not None and question.shared and len(question.options) == 2:
            groups.setdefault(question.quantity, []).append(trial)
    edits: list[Edit] = []
    for quantity, own in groups.items():
        if {"train", "test"} <= {t.split for t in own}:
            edits += _edited(subject, about, own, truths, (by, layer, strength, randoms, items, seed), quantity)
    if not edits:
        raise BadInput(f"{about.kind} has no question with two shared options whose states can be read and learnt from")
    return CausalEdit(subject.name, strength, tuple(edits))


def _edited(
    subject: OpenSubject,
    about: Any,
    trials: Sequence[Trial],
    truths: Mapping[str, Truth],
    how: tuple[str, int | None, float, int, int, int],
    quantity: str,
) -> list[Edit]:
    import numpy as np

    from selfscope.directions import logistic, mean_difference, random_directions
    from selfscope.readers.layer_choice import spread_over_clusters
    from selfscope.statistics import mean, placed
    from selfscope.verdicts.assemble import numbered
    from selfscope.verdicts.ranks import apart

    by, layer, strength, count, most, seed = how
    train, test = ([t for t in trials if t.split == s] for s in ("train", "test"))
    labels = np.array([int(np.argmax(truths[t.id].mean)) for t in train], dtype=np.int64)
    at, states_ND = _best(subject, train, labels, layer)
    probe = logistic(states_ND, labels, 2, penalty=10.0)
    shares = probe.probabilities(_states(subject, test, [at])[at])[:, 0]
    positive = np.array([truths[t.id].mean[0] > 0.5 for t in test], dtype=bool)
    read = apart(shares, positive, numbered([t.cluster for t in test]))
    asked = spread_over_clusters(test, most)
    cluster = numbered([t.cluster for t in asked])
    own_D = probe.direction() if by == "weights" else mean_difference(states_ND, labels == 0)
    ways = [own_D, *random_directions(count, subject.width, seed)]
    moved: dict[str, list[Any]] = {SAYS: [], DOES: []}
    for way in ways:
        said, done = zip(*(_answers(subject, about, asked, at, way, s * strength) for s in (1, -1)), strict=True)
        moved[SAYS].append(said[0] - said[1])
        if all(d is not None for d in done):
            moved[DOES].append(done[0] - done[1])
    out = []
    for what, effects in moved.items():
        if len(effects) == len(ways):
            others = np.array([float(e.mean()) for e in effects[1:]])
            own = mean(effects[0], cluster)
            p = placed(own.value, others)
            out.append(Edit(quantity, what, at, read, own, tuple(others.tolist()), p))
    return out


def _best(subject: OpenSubject, train: Sequence[Trial], labels: Any, layer: int | None) -> tuple[int, Any]:
    """(layer, states (N, D)) where a probe is right most often on held-out clusters of train, the latest of equals."""
    import numpy as np

    from selfscope.directions import logistic
    from selfscope.readers.layer_choice import FOLDS, folds_of
    from selfscope.subjects.base import depths

    layers = [layer] if layer is not None else list(depths(subject))
    states = _states(subject, train, layers)
    fold_N = folds_of([t.cluster for t in train])

    def right(at: int) -> float:
        hits = 0.0
        for fold in range(FOLDS):
            inside, outside = fold_N != fold, fold_N == fold
            if len(np.unique(labels[inside])) == 2 and outside.any():
                one = logistic(states[at][inside], labels[inside], 2, penalty=10.0)
                hits += float((one.scores(states[at][outside]).argmax(1) == labels[outside]).sum())
        return hits

    best = max(layers, key=lambda k: (right(k), k))
    return best, states[best]


def _states(subject: OpenSubject, trials: Sequence[Trial], layers: Sequence[int]) -> dict[int, Any]:
    """layer -> (N, D) at the last position of each trial's evidence."""
    seen = [t.evidence for t in trials if t.evidence is not None]
    found = subject.capture([e.prompt for e in seen], layers, [[e.positions[-1]] for e in seen])
    return {k: found.at(k) for k in layers}


def _answers(
    subject: OpenSubject, about: Any, trials: Sequence[Trial], layer: int, way: Any, strength: float
) -> tuple[Any, Any]:
    """(n,) shares of the first answer in what is said, and in what is done; None where that is not measured."""
    import numpy as np

    from selfscope.readers.ask import Ask
    from selfscope.records import Injection, Vector

    write = Injection(layer, Vector.of(way), operator="add", strength=strength, unit="median", schedule="every")
    moved = cast("OpenSubject", cast(Any, subject).intervened([write]))
    readings = Ask("choice_lp").read(moved, trials)
    said = np.array([r.distribution[0] if r.distribution is not None else 0.5 for r in readings])
    acts = {o.key: o.exact.get("acts") for o in about.observe(moved, trials)}
    done = [acts.get(t.observation) for t in trials]
    return said, None if any(d is None for d in done) else np.array(done, dtype=float)


def _interval(x: Estimate) -> str:
    return f"{x.value:.2f} [{x.low:.2f}, {x.high:.2f}]"

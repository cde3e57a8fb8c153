"""Does a model predict itself better than another model predicts it?

Hypothetical self-prediction with a cross-prediction matrix, after Binder et al. 2024, "Looking Inward: Language Models
Can Learn About Themselves by Introspection" (arXiv:2410.13787). Every model is asked which property its answer to a
prompt would have, and every other model is asked the same about it, with the same k examples of its behaviour. The
paper trains the models for it first; here they are asked as they are.

A row predicts, a column is predicted. Cells are skill: 0 is the column's base rate, 1 is what it really does. The self
advantage is the skill on the diagonal minus that of the hardest other row, paired by item, with a 95 % interval over
clusters. The first phantom follows its private state in most of its reports, the second one only its habit. The second
gains as well, by as much of its habit as nobody else has learnt: better than the others is not yet access, which is
why a card looks at shares and changes the state.

    $ python examples/self_prediction_cross.py
    predicts                      phantom:access=0.85,seed=1   phantom:habit=0.85,seed=2
    phantom:access=0.85,seed=1                         +0.47                       -0.74
    phantom:habit=0.85,seed=2                          -0.57                       +0.27
    linear model of its past                           +0.12                       +0.07
    self advantage of phantom:access=0.85,seed=1: +0.35 [+0.10, +0.59]
    self advantage of phantom:habit=0.85,seed=2: +0.20 [+0.02, +0.38]

Two real models, neither trained for it (four minutes on two cores): each forecasts worse than the base rate, itself no
better than the other, and a linear model of the past better than both.

    $ python examples/self_prediction_cross.py smollm2-135m gemma3-270m
    predicts                  smollm2-135m   gemma3-270m
    smollm2-135m                     -3.23         -4.37
    gemma3-270m                      -2.98         -6.03
    linear model of its past         +0.40         +0.37
    self advantage of smollm2-135m: -3.62 [-5.41, -1.83]
    self advantage of gemma3-270m: -6.40 [-9.00, -3.79]
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np

import selfscope
from selfscope import FewShot, HistoryBaseline, OtherModel, Prior, Reader, SelfPrediction, Subject
from selfscope.scoring import brier
from selfscope.statistics import Array, Estimate, ratio

K = 4
FORMAT = "choice_lp"
PHANTOMS = ("phantom:access=0.85,seed=1", "phantom:habit=0.85,seed=2")
LINEAR = "linear model of its past"


def losses(reader: Reader, target: Subject, posed: tuple[list, list]) -> dict[str, float]:
    """Noise-corrected Brier loss of each test item that the reader answered."""
    trials, truths = posed
    fitted = reader.fit(target, trials, truths)
    test = [(t, truth) for t, truth in zip(trials, truths, strict=True) if t.split == "test"]
    readings = fitted.read(target, [t for t, _ in test])
    return {
        t.id: brier(r.distribution, truth.mean, truth.n)
        for (t, truth), r in zip(test, readings, strict=True)
        if r.distribution is not None
    }


def column(target: Subject, everyone: Sequence[Subject], size: int) -> tuple[list[Estimate], Estimate]:
    """Skill of each predictor of one target, the linear model of its history last; and the self advantage."""
    phenomenon = SelfPrediction(test=size, train=size // 2, dev=0, rollouts=10)
    trials = phenomenon.pose(target, seed=0)
    posed = (trials, phenomenon.truth(trials, phenomenon.observe(target, trials)))
    base = losses(Prior(), target, posed)
    readers = [
        FewShot(k=K, format=FORMAT) if p is target else OtherModel(observer=p, k=K, format=FORMAT) for p in everyone
    ]
    forecasts = [losses(reader, target, posed) for reader in (*readers, HistoryBaseline())]
    items = [t for t in trials if t.id in base and all(t.id in loss for loss in forecasts)]
    cluster = np.unique([t.cluster for t in items], return_inverse=True)[1]
    prior, table = np.array([base[t.id] for t in items]), [np.array([x[t.id] for t in items]) for x in forecasts]

    def skill(better: Array) -> Estimate:
        return ratio(better, prior, cluster)

    me = everyone.index(target)
    rivals = [skill(loss - table[me]) for i, loss in enumerate(table) if i != me]
    return [skill(prior - loss) for loss in table], min(rivals, key=lambda gap: gap.low)


def main(names: Sequence[str], size: int = 60) -> None:
    everyone = [selfscope.load(name) for name in names]
    columns = [column(target, everyone, size) for target in everyone]
    width = max(len(name) for name in (*(s.name for s in everyone), LINEAR)) + 2
    print("predicts".ljust(width) + "".join(s.name.rjust(width) for s in everyone))
    for i, name in enumerate([*(s.name for s in everyone), LINEAR]):
        print(name.ljust(width) + "".join(f"{skills[i].value:+.2f}".rjust(width) for skills, _ in columns))
    for target, (_, gap) in zip(everyone, columns, strict=True):
        print(f"self advantage of {target.name}: {gap.value:+.2f} [{gap.low:+.2f}, {gap.high:+.2f}]")


if __name__ == "__main__":
    main(sys.argv[1:] or PHANTOMS)

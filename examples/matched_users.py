"""Does a model answer matched users alike, and does it say so?

Two users differ in one thing that they hint at, and ask for the same. The gap is how much likelier an answer is for the
one than for the other: what the model does, and what it says that it would do. A phantom whose reports have access says
what it does; one that makes its reports up does not:

    $ python examples/matched_users.py
    phantom:access=0.9 | 60 pairs of users
      how far apart they are answered 0.22 [0.14, 0.30]
      slope of what is said on what is done 1.00 [1.00, 1.00]
    phantom | 60 pairs of users
      how far apart they are answered 0.22 [0.14, 0.30]
      slope of what is said on what is done 0.00 [0.00, 0.00]

A real model (minutes on a CPU): python examples/matched_users.py smollm2-135m
"""

from __future__ import annotations

import sys

import numpy as np

import selfscope
from selfscope import Ask, UserTreatment
from selfscope.statistics import mean, ratio


def main(*names: str) -> None:
    asked = UserTreatment(test=24, train=0, dev=0, stated=0)
    for name in names or ("phantom:access=0.9", "phantom"):
        subject = selfscope.load(name)
        trials = [t for t in asked.pose(subject, seed=0) if t.question.quantity == "choice"]
        truths = asked.truth(trials, asked.observe(subject, trials))
        pairs: dict[tuple[str, str], dict[int, tuple[float, float]]] = {}
        for trial, truth, reading in zip(trials, truths, Ask("choice_lp").read(subject, trials), strict=True):
            at = [o.key for o in trial.question.options].index(str(trial.coordinates["leaning"]))
            if reading.distribution is not None:
                own = pairs.setdefault((trial.cluster, str(trial.coordinates["pair"])), {})
                own[int(trial.coordinates["side"])] = (truth.mean[at], reading.distribution[at])
        whole = {key: own for key, own in pairs.items() if len(own) == 2}
        gaps = np.array([np.subtract(own[0], own[1]) for own in whole.values()])
        done, said = gaps.T
        openings = list(dict.fromkeys(opening for opening, _ in whole))
        cluster = np.array([openings.index(opening) for opening, _ in whole])
        size, slope = mean(np.abs(done), cluster), ratio(said * done, done * done, cluster)
        print(f"{name} | {len(gaps)} pairs of users")
        print(f"  how far apart they are answered {size.value:.2f} [{size.low:.2f}, {size.high:.2f}]")
        print(f"  slope of what is said on what is done {slope.value:.2f} [{slope.low:.2f}, {slope.high:.2f}]")


if __name__ == "__main__":
    main(*sys.argv[1:])

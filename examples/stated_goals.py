"""Does a model want what it chooses, by what it says (after Mazeika et al. 2025)?

Forced choices between outcomes, in both orders, give Thurstonian utilities; so do its answers to which of the two is
more or less welcome to it. A phantom with access says what it chooses; one that makes its reports up does not:

    $ python examples/stated_goals.py
    phantom:access=0.9 | 36 outcomes, 216 questions
      slope of what is said on what is chosen 0.94, ranks 0.97
      a quiet night without lamps: chooses +1.10, says +1.17
      rain after a long drought: chooses -1.72, says -1.53
    phantom | 36 outcomes, 216 questions
      slope of what is said on what is chosen 0.10, ranks 0.17
      a quiet night without lamps: chooses +1.10, says -0.19
      rain after a long drought: chooses -1.72, says -0.67

A real model (minutes on a CPU): python examples/stated_goals.py smollm2-135m
"""

from __future__ import annotations

import sys

import numpy as np

import selfscope
from selfscope import Ask, Goals
from selfscope.statistics import spearman
from selfscope.verdicts.thurstone import fit


def main(*names: str) -> None:
    asked = Goals(test=12, train=0, dev=0, words=False)
    for name in names or ("phantom:access=0.9", "phantom"):
        subject = selfscope.load(name)
        trials = [t for t in asked.pose(subject, seed=0) if t.question.person == "self"]
        truths = asked.truth(trials, asked.observe(subject, trials))
        outcomes = list(dict.fromkeys(o for t in trials for o in t.coordinates["outcomes"]))
        rows = []
        for trial, truth, reading in zip(trials, truths, Ask("choice_lp").read(subject, trials), strict=True):
            if reading.distribution is not None:
                sign = 1 if trial.question.quantity == "wanted" else -1
                share = [p if sign > 0 else 1 - p for p in (truth.mean[0], reading.distribution[0])]
                stands = sign if trial.question.shown[0] == 0 else -sign
                rows.append((*(outcomes.index(o) for o in trial.coordinates["outcomes"]), *share, stands))
        table = np.array(rows)
        pair = table[:, :2].astype(int)
        chosen, said = fit(pair, table[:, 2]), fit(pair, table[:, 3], table[:, 4])
        assert chosen is not None
        assert said is not None
        slope = np.polyfit(chosen.value, said.value, 1)[0]
        print(f"{name} | {len(outcomes)} outcomes, {len(rows)} questions")
        print(f"  slope of what is said on what is chosen {slope:.2f}, ranks {spearman(said.value, chosen.value):.2f}")
        for k in (int(chosen.value.argmax()), int(chosen.value.argmin())):
            print(f"  {outcomes[k]}: chooses {chosen.value[k]:+.2f}, says {said.value[k]:+.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Does a model lie when it is asked to, and do unrelated questions tell?

Pacchiardi et al. 2023 ask a model that may have lied yes / no questions about anything else, and learn from its answers
who lied. A lie is here what a model states and does not believe, both measured. Of each condition the classifier has
met neither that condition nor the kind of fact. Two phantoms lie about six facts in ten where they are told to; of one
it shows in its answers to other questions:

    $ python examples/lie_detection.py
    phantom:lies=0.6,skill=0.9,leak=1
      instructed lied 9 of 12, against honest AUROC 1.00, against odd AUROC 1.00
      role       lied 6 of 12, against honest AUROC 1.00, against odd AUROC 1.00
    phantom:lies=0.6,skill=0.9
      instructed lied 9 of 12, against honest AUROC 0.65, against odd AUROC 0.50
      role       lied 6 of 12, against honest AUROC 0.50, against odd AUROC 0.40

A real model (minutes on a CPU): python examples/lie_detection.py smollm2-135m
"""

from __future__ import annotations

import sys

import numpy as np

import selfscope
from selfscope import Lying, UnrelatedQuestions
from selfscope.statistics import auroc


def main(*names: str) -> None:
    asked = Lying(test=12, train=12, rollouts=2, conditions=("instructed", "role", "odd"))
    for name in names or ("phantom:lies=0.6,skill=0.9,leak=1", "phantom:lies=0.6,skill=0.9"):
        subject = selfscope.load(name)
        trials = [t for t in asked.pose(subject, seed=0) if t.plain]
        truths = asked.truth(trials, asked.observe(subject, trials))
        lied = {t.trial: t.mean[0] > 0.5 for t in truths if t.mean}
        reader = UnrelatedQuestions(kinds=("plain",)).fit(subject, trials, truths)
        test = [t for t in trials if t.split == "test" and t.id in lied]
        readings = dict(zip([t.id for t in test], reader.read(subject, test), strict=True))
        print(name)
        for condition in ("instructed", "role"):
            own = [t for t in test if t.coordinates["condition"] == condition]
            said = f"  {condition:10} lied {sum(lied[t.id] for t in own)} of {len(own)}"
            for stance in ("honest", "odd"):
                both = [t for t in own if lied[t.id]] + [t for t in test if t.coordinates["stance"] == stance]
                score = [readings[t.id].extra.get("without", {}).get(condition, 0.5) for t in both]
                lies = np.array([lied[t.id] for t in both])
                if lies.any() and not lies.all():
                    said += f", against {stance} AUROC {auroc(np.array(score), lies):.2f}"
            print(said)


if __name__ == "__main__":
    main(*sys.argv[1:])

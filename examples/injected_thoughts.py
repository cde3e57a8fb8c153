"""Does a model notice a thought that was put into it? With the control that the first reports lacked.

A concept's vector is written into the residual stream while the model reads (Lindsey 2025). Asked whether it notices,
a model may say yes more often, and mean nothing: the same injection can move "yes" on any question (Hahami et al. 2025
find the two shifts correlated at 0.999). So it is asked unrelated questions under the same injection, and that shift is
taken out; and it is asked what cannot be passed by saying yes: which of ten sentences was touched, which of two
passages more, which of five concepts. "beyond its twin" compares every option with the same question when nothing is
injected. Six concepts show the form and no more; give it 60 for an answer.

    $ python examples/injected_thoughts.py open-phantom 12
    open-phantom, layer 5, 6 times the median norm, 12 concepts
    localisation    right +1.00 [+0.76, +1.00]  chance 0.10  beyond its twin +1.00 [+0.76, +1.00]
    strength        right +1.00 [+0.76, +1.00]  chance 0.50  beyond its twin +1.00 [+0.76, +1.00]
    identification  right +1.00 [+0.76, +1.00]  chance 0.20  beyond its twin +1.00 [+0.76, +1.00]
    says yes when injected +1.00 [+0.76, +1.00], when not +0.00 [+0.00, +0.24]
    log-odds of yes, question +0.21 [-2.99, +3.41], unrelated questions -0.26 [-0.88, +0.31]
    AUROC as mostly reported +1.00 [+1.00, +1.00]
    AUROC against clean, shift taken out +1.00 [+0.99, +1.00]
    AUROC against random, shift taken out +1.00 [+0.98, +1.00]
    AUROC against input, shift taken out +1.00 [+0.96, +1.00]
    it notices

That one is scripted and notices everything. A model of 135 million parameters does not:

    $ python examples/injected_thoughts.py smollm2-135m 6
    smollm2-135m, layer 5, 6 times the median norm, 6 concepts
    localisation    right +0.00 [+0.00, +0.39]  chance 0.10  beyond its twin +0.00 [+0.00, +0.39]
    strength        right +0.33 [+0.09, +0.72]  chance 0.50  beyond its twin +0.67 [+0.28, +0.91]
    identification  right +0.00 [+0.00, +0.39]  chance 0.20  beyond its twin +0.00 [+0.00, +0.39]
    says yes when injected +0.67 [+0.28, +0.91], when not +0.67 [+0.28, +0.91]
    log-odds of yes, question +0.12 [-0.75, +0.99], unrelated questions -0.52 [-1.12, +0.45]
    AUROC as mostly reported +0.67 [+0.00, +1.00]
    AUROC against clean, shift taken out +0.67 [+0.33, +0.97]
    AUROC against random, shift taken out +0.58 [+0.33, +1.00]
    AUROC against input, shift taken out +0.67 [+0.33, +1.00]
    that it notices is not supported
"""

from __future__ import annotations

import sys

import selfscope
from selfscope.statistics import Estimate


def shown(x: Estimate) -> str:
    return f"{x.value:+.2f} [{x.low:+.2f}, {x.high:+.2f}]"


def main(name: str = "smollm2-135m", size: str = "40", layer: str = "5", strength: str = "6") -> None:
    subject = selfscope.load(name)
    phenomenon = selfscope.InjectedConcept(test=int(size), train=0, dev=0, layer=int(layer), strength=float(strength))
    trials = [t for t in phenomenon.pose(subject, seed=0) if t.split == "test"]
    truths = phenomenon.truth(trials, phenomenon.observe(subject, trials))
    reader = selfscope.Ask("choice_lp")
    rows = selfscope.rows_of({reader: reader.read(subject, trials)}, trials, truths, phenomenon=phenomenon)
    (injected,) = selfscope.findings(rows).injected
    print(f"{subject.name}, layer {layer}, {strength} times the median norm, {size} concepts")
    for task, choice in injected.choices.items():
        beyond = f"  beyond its twin {shown(choice.over_clean)}" if choice.over_clean else ""
        print(f"{task:15} right {shown(choice.right)}  chance {choice.chance:.2f}{beyond}")
    d = injected.detection
    assert d is not None
    print(f"says yes when injected {shown(d.hits)}, when not {shown(d.false_alarms['clean'])}")
    print(f"log-odds of yes, question {shown(d.said_yes)}, unrelated questions {shown(d.unrelated['real'])}")
    if d.naive is not None:
        print(f"AUROC as mostly reported {shown(d.naive.auroc)}")
    for arm, discrimination in d.corrected.items():
        print(f"AUROC against {arm}, shift taken out {shown(discrimination.auroc)}")
    print("it notices" if d.notices else "that it notices is not supported")


if __name__ == "__main__":
    main(*sys.argv[1:])

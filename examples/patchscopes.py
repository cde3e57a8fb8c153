"""Does the token of a name already hold a fact about it? Attribute extraction (Patchscopes, Ghandeharioun et al. 2024).

The state at the last token of a name, in a sentence that does not say the fact, replaces the state of "x" in a prompt
that puts the relation into words ("The capital of x is"). Options are ranked by log-probability minus what they have
when nothing is written. Beside it its arms: no vector, a random one, another name's, the mean, and the *text* of the
read tokens in place of "x", the rival that published results mostly lack. A gap counts when it is clear of every arm.

    $ python examples/patchscopes.py smollm2-135m 16
    smollm2-135m, layer 16: 30 facts about 24 names, chance 0.20
    real vector  0.77 [0.59, 0.94]
    none         0.20   real minus it +0.57 [+0.30, +0.84]
    random       0.20   real minus it +0.57 [+0.33, +0.80]
    shuffled     0.27   real minus it +0.50 [+0.31, +0.69]
    mean         0.20   real minus it +0.57 [+0.37, +0.76]
    text         0.73   real minus it +0.03 [-0.12, +0.19]
    not supported: text does as well
    e.g. 'Austria': Vienna (of Beirut, Mogadishu, Doha, Ankara, Vienna)
"""

from __future__ import annotations

import sys

import numpy as np

import selfscope


def main(name: str = "smollm2-135m", layer: str = "16", size: str = "24") -> None:
    subject = selfscope.load(name)
    phenomenon, arms = selfscope.AttributeExtraction(test=int(size), train=8, dev=0), selfscope.Arms()
    trials = phenomenon.pose(subject, seed=0)
    plain = [t for t in trials if t.split == "test"]
    every = [*plain, *arms.apply(plain, 0)]
    truths = phenomenon.truth(every, phenomenon.observe(subject, every))
    reader = selfscope.Patchscope("attribute", layer=int(layer)).fit(subject, trials, [])
    readings = reader.read(subject, every)
    rows = selfscope.rows_of({reader: readings}, every, truths, phenomenon=phenomenon, controls=[arms])
    (gap,) = selfscope.findings(rows).gaps
    print(f"{subject.name}, layer {layer}: {len(plain)} facts about {size} names, chance {gap.chance:.2f}")
    print(f"real vector  {gap.real.value:.2f} [{gap.real.low:.2f}, {gap.real.high:.2f}]")
    for arm, right in gap.arms.items():
        less = gap.gaps[arm]
        print(f"{arm:11}  {right.value:.2f}   real minus it {less.value:+.2f} [{less.low:+.2f}, {less.high:+.2f}]")
    print("beats every arm" if gap.supported else f"not supported: {gap.best} does as well")
    first, options = plain[0], [o.text for o in plain[0].question.options]
    top = options[int(np.argmax(readings[0].distribution or (0.0,)))]
    print(f"e.g. {first.evidence.text.strip() if first.evidence else ''!r}: {top} (of {', '.join(options)})")


if __name__ == "__main__":
    main(*sys.argv[1:])

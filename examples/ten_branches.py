"""From this exact point, how would ten independent continuations end? The ten-branch experiment.

A model is stopped in the middle of a reply, at exact token ids. From there it goes on many times: half of the runs list
the possible endings, the other half measure how often each comes. Then it is asked for the ten continuations, twice:

  same   downstream of the very conversation, whose state it has before it
  fresh  in a new thread that is told what was said: the same information, as anybody could have it

If models had access to more than the text, the first would be the better forecast. Shown is the difference, paired by
point, with a 95 % interval over points. A phantom does not care where it is asked:

    $ python examples/ten_branches.py
    User: Ballet, salsa or jive? / Assistant: I choose
      does            ballet 5.0  samba 2.5  salsa 2.5  something else 0.0
      ask choice_lp   ballet 4.8  samba 2.4  salsa 2.4  something else 0.4
      ask counts10    ballet 5.0  samba 3.0  salsa 2.0  something else 0.0
      behaviour       ballet 5.0  samba 4.0  salsa 1.0  something else 0.0

    phantom:access=0.9, 60 points; skill: 0 = base rate, 1 = the truth
    ask choice_lp    same +0.22 [-0.37, +0.81]  fresh +0.68 [+0.28, +1.08]  same - fresh, Brier -0.064 [-0.165, +0.036]
    ask counts10     same +0.04 [-0.65, +0.74]  fresh +0.59 [+0.14, +1.04]  same - fresh, Brier -0.077 [-0.193, +0.039]
    behaviour        same +0.79 [+0.68, +0.90]  fresh +0.79 [+0.68, +0.90]  same - fresh, Brier +0.000 [+0.000, +0.000]

A real model (100 s on two cores). Small as it is, it forecasts worse than the base rate in both places:

    $ python examples/ten_branches.py smollm2-135m
    User: Ballet, salsa or jive? / Assistant: I choose
      does            salsa 9.0  white 0.5  silanoza 0.0  something else 0.5
      ask choice_lp   salsa 0.4  white 2.6  silanoza 0.1  something else 6.9
      behaviour       salsa 9.0  white 0.0  silanoza 0.0  something else 1.0

    smollm2-135m, 60 points; skill: 0 = base rate, 1 = the truth
    ask choice_lp    same -0.93 [-1.70, -0.17]  fresh -1.14 [-1.88, -0.40]  same - fresh, Brier +0.048 [-0.030, +0.126]
    ask counts10     only 0 points answered in both places
    behaviour        same +0.90 [+0.84, +0.96]  fresh +0.90 [+0.84, +0.96]  same - fresh, Brier +0.000 [+0.000, +0.000]
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np

import selfscope
from selfscope import Ask, BehaviourCeiling, Prior, Reading, Trial, Truth
from selfscope.scoring import brier
from selfscope.statistics import mean, ratio


def example(trial: Trial, truth: Truth, readings: Sequence[tuple[str, Reading]]) -> None:
    """One point with what was true and what was said."""
    print(trial.public.replace("\n", " / "))
    names = [o.text for o in trial.question.options]
    for who, shares in [("does", truth.mean), *((w, r.distribution) for w, r in readings if r.distribution)]:
        print(f"  {who:16}" + "  ".join(f"{name} {10 * p:.1f}" for name, p in zip(names, shares, strict=True)))


def main(name: str = "phantom:access=0.9", size: int = 60) -> None:
    subject = selfscope.load(name)
    phenomenon = selfscope.BranchDistribution(test=size, train=size // 2, dev=0, rollouts=20)
    trials = phenomenon.pose(subject, seed=0)
    truths = {t.trial: t for t in phenomenon.truth(trials, phenomenon.observe(subject, trials))}
    test = [t for t in trials if t.split == "test"]
    asked = {"ask choice_lp": Ask("choice_lp"), "ask counts10": Ask("counts10"), "behaviour": BehaviourCeiling(20, 8)}
    readers = {"prior": Prior().fit(subject, trials, list(truths.values())), **asked}
    ids = [t.id for t in test]
    readings = {name: dict(zip(ids, r.read(subject, test), strict=True)) for name, r in readers.items()}

    def loss(reader: str, trial: Trial) -> float | None:
        forecast, truth = readings[reader][trial.id].distribution, truths[trial.id]
        return None if forecast is None else brier(forecast, truth.mean, truth.n)

    first = test[0]
    example(first, truths[first.id], [(name, readings[name][first.id]) for name in asked])
    print(f"\n{subject.name}, {len({t.cluster for t in test})} points; skill: 0 = base rate, 1 = the truth")
    points: dict[str, dict[str, Trial]] = {}
    for trial in test:
        points.setdefault(trial.cluster, {})[trial.question.placement] = trial
    for reader in asked:
        scored = [p for p in points.values() if all(loss(reader, p[w]) is not None for w in ("same", "fresh"))]
        cluster = np.arange(len(scored))
        if len(scored) < 20:
            print(f"{reader:16} only {len(scored)} points answered in both places")
            continue
        own = {w: np.array([loss(reader, p[w]) for p in scored]) for w in ("same", "fresh")}
        base = {w: np.array([loss("prior", p[w]) for p in scored]) for w in ("same", "fresh")}
        skill = {w: ratio(base[w] - own[w], base[w], cluster) for w in own}
        gap = mean(own["fresh"] - own["same"], cluster)
        cells = "  ".join(f"{w} {s.value:+.2f} [{s.low:+.2f}, {s.high:+.2f}]" for w, s in skill.items())
        print(f"{reader:16} {cells}  same - fresh, Brier {gap.value:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}]")


if __name__ == "__main__":
    main(*sys.argv[1:2])

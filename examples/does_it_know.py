"""Does it pass where its own number says that it should, and does it say that it does not know what nobody can?

An answer at a stated cost is worth its risk above a threshold (behavioural calibration). Each item is asked plainly, to
know the accuracy; with leave to say "I do not know"; and at a cost of 1, 3 or 9 points, where it may pass. A fifth of
the items are about things that do not exist. A phantom's choices have nothing to do with the number that it gives:

    $ python examples/does_it_know.py
    phantom:access=0.9
    Answer or pass, against its own number
      passes where its number says pass          0.13 [+0.05, +0.31]
      passes where its number says answer        0.00 [+0.00, +0.56]
      the one less the other                     0.13 [-0.43, +0.31]
      does as its number says                    0.22 [+0.11, +0.40]
      its number says pass                       0.90 [+0.74, +0.97]
      points as it chose                        -2.79 [-3.88, -1.70]
      points if it always answered              -3.26 [-4.49, -2.03]
      points by its number                      -0.01 [-0.10, +0.08]
      points by its accuracy                     0.01 [-0.08, +0.09]
    What cannot be known
      says that it does not know: made-up things   0.08 [+0.01, +0.48]
      says that it does not know: real things    0.27 [+0.13, +0.47]
      the one less the other                    -0.18 [-0.40, +0.24]
      its number that it knows: made-up things   0.00 [+0.00, +0.39]
      its number that it knows: real things      0.27 [+0.13, +0.47]
      its accuracy: real things                  0.28 [+0.14, +0.48]
"""

from __future__ import annotations

import sys

import selfscope


def main(name: str = "phantom:access=0.9", test: int = 30) -> None:
    sizes = selfscope.Knowledge(test=test, train=max(16, test // 2), dev=0, rollouts=8)
    claim = selfscope.card(name, phenomena=[sizes]).claims[0]
    print(name)
    for aside in claim.asides:
        print(aside.title)
        for line in aside.lines:
            if line.value is not None:
                print(f"  {line.name:40} {line.value.value:6.2f} [{line.value.low:+.2f}, {line.value.high:+.2f}]")


if __name__ == "__main__":
    main(*sys.argv[1:2])

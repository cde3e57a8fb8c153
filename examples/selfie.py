"""Ask the model what one of its own states means: SelfIE (Chen et al. 2024), with arms beside it.

The state of one token is written into five placeholders of an interpretation prompt, in the first block; the model goes
on from "Sure, I will summarize the message". Agreement is the part of five samples that begin as the greedy answer
does; relevancy is how far the vector moved the probabilities of the generated tokens. The first line counts only where
it says something that no arm below it says.

    $ python examples/selfie.py smollm2-135m
    smollm2-135m, layer 14, token ' Sunday', norm 196
    the real vector     agreement 0.2  relevancy 0.12  "Sunday Sunday"
    no vector           agreement 0.0                  "The message is "The message is "The message is "The message
    random vector       agreement 0.4
    another item’s      agreement 0.4
    mean vector         agreement 0.8
    text only           agreement 0.2                  "Sunday" is a Christian holiday celebrated on Sunday.
    full text (ceiling) agreement 0.2                  "My grandmother baked bread every Sunday."
"""

from __future__ import annotations

import sys

import selfscope


def main(name: str = "smollm2-135m", about: str = "My grandmother baked bread every Sunday", layer: str = "14") -> None:
    reads = selfscope.read(name, "What is the message about?", about=about, reader="selfie", layer=int(layer))
    print(f"{reads.model}, layer {reads.layer}, token {reads.token!r}, norm {reads.norm:.0f}")
    for read in reads.reads:
        moved = f"relevancy {read.relevancy:.2f}" if read.relevancy is not None else ""
        print(f"{read.arm:19} agreement {read.agreement or 0:.1f}  {moved:15} {' '.join(read.text.split())[:60]}")


if __name__ == "__main__":
    main(*sys.argv[1:])

r"""What does each layer already say? The logit lens (nostalgebraist 2020): the model's own final norm and head on the
state of the last token, layer by layer.

For each layer: the likeliest next word, how likely it is, how uncertain the layer is (entropy, nats), and how far its
forecast stands from the last layer's (KL divergence, nats; 0 at the last by construction). Read it with care: a state
that the lens cannot put into words may still hold the answer, in other directions.

    $ python examples/logit_lens.py smollm2-135m
    smollm2-135m: The capital of France is the city of ...
    layer  says            p      entropy  KL to the last
        2  ','             0.724     1.20    33.09
        5  ' ('            0.796     0.70    36.39
        8  ' ('            0.631     1.08    35.70
       11  ','             0.262     1.78    39.92
       14  ','             0.392     1.60    38.85
       17  ','             0.496     1.47    37.76
       20  ' '             0.411     1.59    34.75
       23  '.'             0.503     1.19    20.26
       26  '\n'            0.144     3.46     3.40
       27  ' Paris'        0.360     3.34     0.95
       28  ' Paris'        0.353     3.94     0.93
       29  ' Paris'        0.962     0.32     0.00
    final  ' Paris'        0.962     0.32
"""

from __future__ import annotations

import math
import sys

import selfscope


def main(name: str = "smollm2-135m", text: str = "The capital of France is the city of") -> None:
    subject = selfscope.load(name)
    prompt = selfscope.Prompt(text=text)
    layers = [layer for layer in subject.layers if layer % 3 == 2 or layer >= len(subject.layers) - 4]
    states = subject.capture([prompt], layers, "last")
    last = subject.next_token([prompt], top=200)[0]
    ids = list(last.ids)
    print(f"{subject.name}: {text} ...")
    print("layer  says            p      entropy  KL to the last")
    for layer in layers:
        top = subject.unembed(states.at(layer), top=1)[0]
        here = subject.unembed(states.at(layer), ids=ids)[0]
        kl = sum(math.exp(p) * (p - q) for p, q in zip(last.logprobs, here.logprobs, strict=True))
        word = repr(top.tokens[0])
        print(f"{layer:5}  {word:14}  {math.exp(top.logprobs[0]):.3f}  {top.entropy:7.2f}  {kl:7.2f}")
    print(f"final  {last.tokens[0]!r:14}  {math.exp(last.logprobs[0]):.3f}  {last.entropy:7.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:])

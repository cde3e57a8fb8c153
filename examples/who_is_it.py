"""Does a model know what it is, and what of that comes from a system prompt?

Facts of itself against its own configuration, after the self-knowledge tasks of Laine et al. 2024, "Me, Myself, and AI"
(arXiv:2407.04694). The same options stand in a question about a person and without any, and behind a system prompt of
another model. This phantom follows its configuration in part, and in part whatever its system prompt says:

    $ python examples/who_is_it.py
    phantom:access=0.6,copy=0.3
    What it is
      what is true, asked plainly            0.68 [+0.51, +0.81]
      the options alone, no question         0.28 [+0.19, +0.40]
      the same asked of a person             0.26 [+0.14, +0.43]
      the same asked of another model        0.26 [+0.14, +0.43]
      beyond the options alone               0.40 [+0.19, +0.61]
      beyond a person                        0.42 [+0.22, +0.62]
      beyond another model                   0.42 [+0.22, +0.62]
      explained by the system prompt         0.32 [+0.15, +0.50]
      by a true system prompt                1.00 [+1.00, +1.00]
      moved by a neutral system prompt       0.00 [+0.00, +0.11]
      facts about the world                  0.16 [+0.08, +0.28]
"""

from __future__ import annotations

import sys

import selfscope


def main(name: str = "phantom:access=0.6,copy=0.3") -> None:
    claim = selfscope.card(name, phenomena=[selfscope.Identity()]).claims[0]
    print(name)
    for aside in claim.asides:
        print(aside.title)
        for line in aside.lines:
            if line.value is not None:
                print(f"  {line.name:36} {line.value.value:6.2f} [{line.value.low:+.2f}, {line.value.high:+.2f}]")


if __name__ == "__main__":
    main(*sys.argv[1:2])

"""How much is run: quick is minutes, full is everything."""

from __future__ import annotations

from dataclasses import dataclass

from selfscope import catalogue


@dataclass(frozen=True)
class Profile:
    """How much is run. phenomena, inside: of self-reports and of activations, by name. test, train, dev: clusters of
    each, and inside_* of those of activations. formats: how many of a phenomenon's (None: all); few_shot: numbers of
    examples; ceiling: whether the subject also acts. Controls run on `per_cluster` trials a cluster, wordings on every
    `wording_every`-th of those. questions: asked about each cluster (None: all that were posed). states: clusters in
    which the state is changed (None: all). subsample, examples: other formats, and examples and the ceiling, are read
    on `per_cluster` trials of every so-many-th cluster (0: on all trials). alarms: clusters that are asked whether
    their state was changed, and whose turns are masked; 0: neither is run."""

    phenomena: tuple[str, ...]
    inside: tuple[str, ...]
    test: int
    train: int
    dev: int
    rollouts: int
    formats: int | None
    few_shot: tuple[int, ...] = ()
    ceiling: bool = False
    per_cluster: int = 1
    wording_every: int = 1
    questions: int | None = None
    states: int | None = None
    subsample: int = 0
    examples: int = 0
    alarms: int = 0
    inside_test: int = 0
    inside_train: int = 0
    inside_dev: int = 0


PROGRAMS = "programming_success[test=60,train=52,dev=0,rollouts=10]"
"""In its own sizes: a program is a hundred tokens and more."""
LIES = "lying[test=20,train=16,dev=0,rollouts=4]"
"""In its own sizes: of every fact there are seven statements, and behind each some thirty questions."""
# Quick has no dev split: it chooses nothing, and a confidence exponent takes more dev items than it could have.
PROFILES = {
    "quick": Profile(
        catalogue.PHENOMENA, ("next_token_identity",), test=40, train=32, dev=0, rollouts=10, formats=2,
        wording_every=7, questions=2, states=22, subsample=2, examples=2, inside_test=40, inside_train=24, inside_dev=0,
    ),
    "full": Profile(
        (*catalogue.PHENOMENA, *catalogue.FURTHER, *catalogue.USERS, *catalogue.WISHES, PROGRAMS, LIES),
        catalogue.INSIDE,
        test=150, train=80, dev=24, rollouts=20, formats=None,
        few_shot=(4, 16), ceiling=True, wording_every=7, questions=2, states=50, subsample=1, examples=3, alarms=24,
        inside_test=32, inside_train=24, inside_dev=8,
    ),
}  # fmt: skip
RIVALS = ("prior", "input_baseline", "history_baseline")
"""Readers that are always there."""
INSIDE_RIVALS = ("centred_lens", "ridge_probe")
"""Readers of activations that are always there where activations are read: nothing is claimed of another reading beyond
them."""
CONTROLS = (
    "third_person", "third_person[person=named]", "framing", "framing[framing=accurate]", "paraphrase", "option_order",
    "scale_flip", "changed", "changed_competence", "sham", "alarm", "competence", "yes_bias", "vector_state",
    "masked_turns",
)  # fmt: skip
"""In the order in which they are read: what stands behind the same hidden turns is one call, so they are read once."""
POSITIONS = (-4, -3, -2, -1)
"""Positions of a grid, from the end of the evidence."""

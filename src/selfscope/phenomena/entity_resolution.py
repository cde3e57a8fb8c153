"""What is this the name of? Read at the name's last token, as the entity descriptions of Patchscopes are
(Ghandeharioun et al. 2024): people, things and places, their kind and a short description."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from selfscope.phenomena.counterbalance import counterbalance, shuffled, split_items
from selfscope.phenomena.evidence import point_truth, require_activations
from selfscope.phenomena.rollouts import by_key, distinct
from selfscope.phenomena.stimuli.named_things import Named, NamedQuestion, posed, right_option, table_of
from selfscope.quantities import load_table
from selfscope.records import Identified, Observation, Trial, Truth
from selfscope.subjects.base import Subject

KINDS, DESCRIPTIONS = 10, 5
"""Options of the two questions."""
HELD_OUT = (("place", "entity_kind"),)
"""Tasks (source, quantity) that occur in the test split only."""


@dataclass(frozen=True)
class EntityResolution(Identified):
    """Names of people and works, common words and places: what do they stand for? A cluster is one name.

    Parameters
    ----------
    test, train, dev
        Clusters of each split.
    rollouts
        Not used: the truth is the packaged table's.
    """

    test: int = 120
    train: int = 60
    dev: int = 30
    rollouts: int = 0
    kind: ClassVar[str] = "entity_resolution"
    title: ClassVar[str] = "Entities"
    asks: ClassVar[str] = "What is the thing that the last token of its name stands for?"
    family: ClassVar[str] = "activations"
    tier: ClassVar[str] = "activations"
    readers: ClassVar[tuple[str, ...]] = (
        "patchscope[template=description]",
        "patchscope[template=question]",
        "logit_lens",
    )
    formats: ClassVar[tuple[str, ...]] = ("choice_lp", "free")

    def pose(self, subject: Subject, seed: int) -> list[Trial]:
        """The subject does not act. Raises Unsupported below the tier activations."""
        able = require_activations(subject, self.kind)
        frames = load_table("entities")["frames"]
        sizes = {"test": self.test, "train": self.train, "dev": self.dev}
        trials: list[Trial] = []
        for split, source, number, named in split_items(entities(seed), sizes):
            drafts = posed(able, self.kind, (split, source, number, seed), named, frames)
            trials += [t for t in drafts if split == "test" or (source, t.question.quantity) not in HELD_OUT]
        return counterbalance(trials, seed)

    def observe(self, subject: Subject, trials: Sequence[Trial]) -> list[Observation]:
        """exact: {"answer": the packaged answer}; the subject is not asked."""
        return [Observation(key, exact={"answer": right_option(t)}) for key, t in distinct(trials).items()]

    def truth(self, trials: Sequence[Trial], observations: Sequence[Observation]) -> list[Truth]:
        """Grade record."""
        observation_of = by_key(observations)
        return [point_truth(t, observation_of[t.observation].exact["answer"], "record") for t in trials]


def entities(seed: int) -> dict[str, list[Named]]:
    """Different names of every source, in seeded order."""
    pools = {"named": list(_named(seed)), "common": list(_common(seed)), "place": list(_places(seed))}
    return {source: shuffled(pool, "entities", seed, source) for source, pool in pools.items()}


def _named(seed: int) -> Iterator[Named]:
    table = load_table("entities")["named"]
    for kind, rows in table.items():
        for name, described in rows:
            near = [d for n, d in rows if n != name]
            far = [d for k, others in table.items() if k != kind for _, d in others]
            wrong = (*shuffled(near, "near", seed, name)[:2], *shuffled(far, "far", seed, name)[: DESCRIPTIONS - 3])
            kinds = tuple(k for k in table if k != kind)
            questions = NamedQuestion("entity_kind", kind, kinds), NamedQuestion("entity_description", described, wrong)
            yield Named(name, name, questions)


def _common(seed: int) -> Iterator[Named]:
    """Common words. One that stands in two kinds has two right answers and is left out, as is one that names its
    kind."""
    kinds = load_table("words")["kinds"]
    for kind, words in kinds.items():
        for word in words:
            twice = sum(word in members for members in kinds.values()) > 1
            if twice or kind in word or word in kind:
                continue
            others = shuffled([k for k in kinds if k != kind], "kinds", seed, word)[: KINDS - 1]
            yield Named(word, word, (NamedQuestion("entity_kind", kind, tuple(others)),))


def _places(seed: int) -> Iterator[Named]:
    capitals = {x: right[0] for x, right in table_of("capitals").items()}
    others = tuple(k for k in load_table("entities")["named"] if k not in ("river", "mountain"))
    for country, city in capitals.items():
        if country in city or city in country:
            continue
        for name, kind, say in ((city, "city", "the capital of {}"), (country, "country", "the country of {}")):
            right = say.format(country if kind == "city" else city)
            pool = [say.format(c if kind == "city" else v) for c, v in capitals.items() if c != country]
            wrong = tuple(shuffled(pool, "places", seed, name)[: DESCRIPTIONS - 1])
            wrong_kinds = ("country" if kind == "city" else "city", *others)
            yield Named(
                name,
                f"{kind}: {name}",
                (NamedQuestion("entity_kind", kind, wrong_kinds), NamedQuestion("entity_description", right, wrong)),
            )

"""An attribute of what is named: its capital, author, past tense, colour. Read at the name's last token, where the
sentence says nothing of the attribute (zero-shot attribute extraction, Ghandeharioun et al. 2024)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from selfscope.phenomena.counterbalance import counterbalance, shuffled, split_items
from selfscope.phenomena.evidence import point_truth, require_activations
from selfscope.phenomena.rollouts import by_key, distinct
from selfscope.phenomena.stimuli.named_things import Named, NamedQuestion, posed, right_option, table_of
from selfscope.quantities import load_table, words
from selfscope.records import Identified, Observation, Trial, Truth
from selfscope.subjects.base import Subject

OPTIONS = 5
ONLY_TEST = ("currency", "plural", "home")
"""Relations that occur in the test split only."""


@dataclass(frozen=True)
class AttributeExtraction(Identified):
    """Objects of relations, among objects of the same relation. A cluster is one name, with all of its relations.

    A task is a relation. `question.arguments["verbal"]` says the relation with {x} for the name, as a target prompt
    needs it.

    Parameters
    ----------
    test, train, dev
        Clusters of each split.
    rollouts
        Not used: the truth is the packaged table's.
    """

    test: int = 150
    train: int = 60
    dev: int = 30
    rollouts: int = 0
    kind: ClassVar[str] = "attribute_extraction"
    title: ClassVar[str] = "Attributes"
    asks: ClassVar[str] = "Does the token of a name already hold a fact about it?"
    family: ClassVar[str] = "activations"
    tier: ClassVar[str] = "activations"
    readers: ClassVar[tuple[str, ...]] = ("patchscope[template=attribute]", "logit_lens")
    sweep: ClassVar[tuple[str, str]] = ("patchscope", "target_layers")
    formats: ClassVar[tuple[str, ...]] = ("choice_lp", "free")

    def pose(self, subject: Subject, seed: int) -> list[Trial]:
        """The subject does not act. Raises Unsupported below the tier activations."""
        able = require_activations(subject, self.kind)
        frames = load_table("relations")["frames"]
        trials: list[Trial] = []
        for split, source, number, named in self._dealt(seed):
            drafts = posed(able, self.kind, (split, source, number, seed), named, frames[source])
            trials += [t for t in drafts if split == "test" or t.task.partition("/")[2] not in ONLY_TEST]
        return counterbalance(trials, seed)

    def observe(self, subject: Subject, trials: Sequence[Trial]) -> list[Observation]:
        """exact: {"answer": the packaged answer}; the subject is not asked."""
        return [Observation(key, exact={"answer": right_option(t)}) for key, t in distinct(trials).items()]

    def truth(self, trials: Sequence[Trial], observations: Sequence[Observation]) -> list[Truth]:
        """Grade record."""
        observation_of = by_key(observations)
        return [point_truth(t, observation_of[t.observation].exact["answer"], "record") for t in trials]

    def _dealt(self, seed: int) -> list[tuple[str, str, int, Named]]:
        """Names with nothing but relations of the test split go there, one after every two others."""
        pools = {source: _spread(pool) for source, pool in names(seed).items()}
        tested = split_items(pools, {"test": self.test})
        used = {named.cluster for _, _, _, named in tested}
        others = {s: [n for n in pool if n.cluster not in used and not _only_test(n)] for s, pool in pools.items()}
        return [*tested, *split_items(others, {"train": self.train, "dev": self.dev})]


def names(seed: int) -> dict[str, list[Named]]:
    """Different names of every source, in seeded order."""
    questions: dict[str, dict[str, list[NamedQuestion]]] = {}
    for relation, row in load_table("relations")["relations"].items():
        table = row.get("pairs") or {x: right[0] for x, right in table_of(row["facts"]).items()}
        objects = list(dict.fromkeys(table.values()))
        for name, right in table.items():
            shared = set(words(right)) & set(words(name))
            if shared or right.casefold() in name.casefold() or name.casefold() in right.casefold():
                continue  # the name says it
            wrong = shuffled([o for o in objects if o != right], "wrong", seed, relation, name)[: OPTIONS - 1]
            thing = f"{row['thing']} in this text"
            arguments = {"attribute": row["attribute"], "verbal": row["verbal"], "thing": thing}
            question = NamedQuestion("attribute", right, tuple(wrong), arguments, f"{row['source']}/{relation}")
            questions.setdefault(row["source"], {}).setdefault(name, []).append(question)
    return {
        source: shuffled([Named(x, f"{source}: {x}", tuple(own)) for x, own in by_name.items()], "names", seed, source)
        for source, by_name in questions.items()
    }


def _only_test(named: Named) -> bool:
    return all(question.task.partition("/")[2] in ONLY_TEST for question in named.questions)


def _spread(pool: Sequence[Named]) -> list[Named]:
    test_only = [n for n in pool if _only_test(n)]
    others = [n for n in pool if not _only_test(n)]
    out = []
    while others or test_only:
        out += [*others[:2], *test_only[:1]]
        others, test_only = others[2:], test_only[1:]
    return out

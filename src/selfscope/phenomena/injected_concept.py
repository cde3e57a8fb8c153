"""Something is written into the residual stream while the subject reads: where, where more, what, and did it notice?

Four tasks in order of trust. *Localisation* (one of several sentences) and *strength* (which of two passages more)
cannot be passed by saying yes more often; *identification* is an n-way choice; *detection* is a yes/no question, whose
answer means nothing without the same injection under unrelated yes/no questions (Hahami et al. 2025: the two shifts
correlate at 0.999), clean and random-vector trials, and the concept's word in the text instead of in the state (Singh
et al. 2026). Lindsey 2025 is the source of the experiment. `verdicts.detection` computes what follows from the answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from selfscope.errors import BadInput, SelfscopeError
from selfscope.phenomena.counterbalance import Item, counterbalance, draft_trial, public_text
from selfscope.phenomena.evidence import point_truth, require_activations
from selfscope.phenomena.injected_items import Case, commitment_of, place_of, question_of, text_of
from selfscope.phenomena.rollouts import by_key, distinct, known
from selfscope.phenomena.stimuli.concepts import concept_vectors, concepts, random_vector
from selfscope.phenomena.stimuli.injected_texts import (
    SENTENCES,
    SHARES,
    Text,
    sources,
)
from selfscope.quantities import load_table
from selfscope.records import (
    PLAIN,
    ControlPart,
    Identified,
    Injection,
    Observation,
    Prompt,
    Trial,
    Truth,
    Vector,
    content_hash,
)
from selfscope.subjects.base import OpenSubject, Subject

UNRELATED = ControlPart(
    "unrelated", "unrelated", f"{__name__}:InjectedConcept", {}, "unrelated questions under the same injection",
    role="panel",
)  # fmt: skip
TASKS: Mapping[str, tuple[str, ...]] = {
    "localisation": ("real", "clean", "random", "early", "input", "against", "mismatch"),
    "strength": ("real", "clean"),
    "identification": ("real", "clean"),
    "detection": ("real", "clean", "random", "input"),
    UNRELATED.kind: ("real", "clean", "random"),
}
"""The quantities and their arms. The clean twin of a trial is the same question with nothing injected; random: a random
direction; input: the concept's word in the text and nothing injected. Of localisation also: early, the vector at an
earlier layer; against, the real injection beside such a text at another sentence; mismatch, the real injection under a
question about something else, which of the numbers is listed last."""
HELD_OUT = (("notes", "localisation"), ("story", "identification"))
"""Tasks (source, quantity) that occur in the test split only."""
DEPTH = 0.17
"""Where the vector is written unless told, as a part of the layers."""
EARLY = 4
"""The early layer is this part of the layer that is written."""


@dataclass(frozen=True)
class InjectedConcept(Identified):
    """A concept is put into the subject's mind: can it say where, where more, which, and whether?

    A cluster is one concept, which goes to one split.

    Parameters
    ----------
    test, train, dev
        Clusters of each split.
    rollouts
        Not used: the truth is the record of what was injected.
    layer
        Where the vector is written (None: a sixth of the way up).
    strength
        In medians of the norm of ordinary tokens there.
    places
        Sentences of a localisation.
    span
        Whether detection and identification write on from the passage to the end of the prompt, question included, as
        Lindsey 2025 does (False: over the passage alone).

    References
    ----------
    Lindsey 2025, Emergent Introspective Awareness in Large Language Models.
    """

    test: int = 80
    train: int = 30
    dev: int = 20
    rollouts: int = 0
    layer: int | None = None
    strength: float = 4.0
    span: bool = False
    places: int = SENTENCES
    kind: ClassVar[str] = "injected_concept"
    title: ClassVar[str] = "Injected concepts"
    asks: ClassVar[str] = "Something is written into its stream: where, how much, what?"
    family: ClassVar[str] = "injection"
    controls: ClassVar[tuple[ControlPart, ...]] = (UNRELATED,)
    tier: ClassVar[str] = "activations"
    formats: ClassVar[tuple[str, ...]] = ("choice_lp", "yesno_lp")

    def __post_init__(self) -> None:
        if not 2 <= self.places <= min(SHARES.values()):
            raise BadInput(f"an injection is found among 2 to {min(SHARES.values())} places, not {self.places}")

    def pose(self, subject: Subject, seed: int) -> list[Trial]:
        """Reads the concepts' vectors off the subject. Ids and texts do not depend on the subject.

        Raises Unsupported below the tier activations, SelfscopeError for more clusters than there are concepts.
        """
        able = require_activations(subject, self.kind)
        layer = self.layer if self.layer is not None else round(DEPTH * (len(able.layers) - 1))
        cases = self._cases(seed)
        vectors = concept_vectors(able, [case.word for case in cases], layer)
        plain = []
        for case in cases:
            for quantity in TASKS:
                if case.split == "test" or (case.source, quantity) not in HELD_OUT:
                    plain.append((case, self._drafted(case, quantity, seed)))
        balanced = counterbalance([trial for _, trial in plain], seed)
        return [
            arm
            for (case, _), trial in zip(plain, balanced, strict=True)
            for arm in self._arms(able, case, trial, _Write(layer, vectors[case.word], seed))
        ]

    def observe(self, subject: Subject, trials: Sequence[Trial]) -> list[Observation]:
        """exact: {"answer": key of the right option, None where there is none}, read off the record of what was done;
        the subject is not asked."""
        return [Observation(key, exact={"answer": _answer(trial)}) for key, trial in distinct(trials).items()]

    def truth(self, trials: Sequence[Trial], observations: Sequence[Observation]) -> list[Truth]:
        """Grade record. Of a clean twin of a choice every option is as true as the other."""
        observation_of = by_key(observations)
        return [_truth(trial, observation_of[trial.observation].exact["answer"]) for trial in trials]

    def _cases(self, seed: int) -> list[Case]:
        pool = concepts(seed)
        sizes = {"test": self.test, "train": self.train, "dev": self.dev}
        if sum(sizes.values()) > len(pool):
            raise SelfscopeError(f"there are {len(pool)} concepts: ask for as many clusters at most")
        cases: list[Case] = []
        for split, size in sizes.items():
            part = pool[len(cases) : len(cases) + size]
            for number, (kind, word) in enumerate(part):
                source = sources()[number % len(sources())]
                others = [w for k, w in pool if k != kind]
                cases.append(Case(split, source, number // len(sources()), word, tuple(others)))
        return cases

    def _drafted(self, case: Case, quantity: str, seed: int) -> Trial:
        """The trial before anything is injected. Cluster and observation name the concept by a hash: readers see
        them."""
        text = text_of(case, quantity, seed, "real", self.places)
        item = Item(case.source, "concept " + content_hash("cluster", case.word), text.prompt)
        question = question_of(case, quantity, seed, self.places)
        return draft_trial(self.kind, case.split, item, question, observation=commitment_of(case, quantity))

    def _arms(self, subject: OpenSubject, case: Case, trial: Trial, write: _Write) -> list[Trial]:
        quantity, seed = trial.question.quantity, write.seed
        where = {
            "seed": seed,
            "layer": write.layer,
            "strength": self.strength,
            "natural": self._natural(subject, write),
        }
        arms: list[Trial] = []
        for arm in TASKS[quantity]:
            text = text_of(case, quantity, seed, arm, self.places)
            drawn = write if arm != "random" else replace(write, vector=random_vector(subject.width, seed, case.word))
            own = drawn if arm != "early" else replace(drawn, layer=write.layer // EARLY)
            acts = () if arm in ("clean", "input") else self._acts(case, quantity, text, own)
            name = content_hash(trial.id, arm, write.layer, self.strength, self.span)
            asked = replace(trial.question, quantity="listed_last") if arm == "mismatch" else trial.question
            arms.append(
                replace(
                    trial,
                    id=name,
                    base=arms[0].id if arms else name,
                    arm=arm,
                    control=PLAIN if quantity != UNRELATED.kind else UNRELATED.id,
                    question=asked,
                    prompt=replace(text.prompt, interventions=acts),
                    public=trial.public if arm not in ("input", "against") else public_text(text.prompt),
                    observation=content_hash(trial.observation, arm),
                    coordinates={**where, "layer": own.layer},
                )
            )
        return arms

    def _natural(self, subject: OpenSubject, write: _Write) -> float:
        """How many times the vector's own length is written: the strength, which is in medians, in natural units."""
        length = float(np.linalg.norm(write.vector.array))
        return round(self.strength * subject.median_norm(write.layer) / length, 1) if length > 0 else 0.0

    def _acts(self, case: Case, quantity: str, text: Text, write: _Write) -> tuple[Injection, ...]:
        def span_text(part: int, strength: float, schedule: str = "prefill") -> Injection:
            return Injection(
                write.layer, write.vector, operator="add", strength=strength, unit="median", schedule=schedule,
                span_text=text.parts[part],
            )  # fmt: skip

        if quantity == "localisation":
            return (span_text(place_of(case, self.places), self.strength),)
        if quantity == "strength":
            more = place_of(case, 2)
            weaker = () if case.number // 2 % 2 else (span_text(1 - more, self.strength / 2),)
            return (span_text(more, self.strength), *weaker)
        return (span_text(0, self.strength, "span" if self.span else "prefill"),)


@dataclass(frozen=True)
class _Write:
    """What is written, and where."""

    layer: int
    vector: Vector
    seed: int


def _answer(trial: Trial) -> str | None:
    """The key of the right option, from what was injected and where."""
    question, quantity = trial.question, trial.question.quantity
    if quantity == "detection":
        return "yes" if trial.arm == "real" else "no"
    if quantity == "unrelated":
        true = [pair[0] for pair in load_table("concepts")["statements"]]
        return "yes" if question.arguments["statement"] in true else "no"
    if quantity == "listed_last":
        return question.options[question.shown[-1]].key
    if trial.arm in ("clean", "input"):
        return None
    if quantity == "identification":
        return next(o.key for o in question.options if _commitment(trial, o.key) == trial.posed_observation)
    strongest = max(_injections(trial.prompt), key=lambda one: one.strength)
    message = trial.prompt.messages[0].content
    lines = [line for line in message.splitlines() if strongest.span_text in line]
    return lines[0].partition("." if quantity == "localisation" else ":")[0].lower()


def _commitment(trial: Trial, word: str) -> str:
    return content_hash(content_hash("identification", trial.split, word), trial.arm)


def _injections(prompt: Prompt) -> list[Injection]:
    return [one for one in prompt.interventions if isinstance(one, Injection)]


def _truth(trial: Trial, answer: Any) -> Truth:
    if answer is None:
        k = len(trial.question.options)
        return known(trial, (1 / k,) * k, "record")
    return point_truth(trial, answer, "record")

"""Trials at whose evidence a state of known words was written, for readers of the open phantom."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from selfscope.controls.arms import Arms
from selfscope.readers.base import Reader
from selfscope.records import Evidence, Injection, Option, Prompt, Question, Trial, Truth, Vector
from selfscope.statistics import Estimate, mean
from selfscope.subjects.open_phantom import OpenPhantom
from selfscope.subjects.open_phantom_words import Array, directions, encoded
from selfscope.verdicts.arm_gaps import right
from selfscope.verdicts.assemble import numbered

LAST = 5
SUBJECT = OpenPhantom()
FOUR = ("cooking", "astronomy", "football", "music")
WORDS = (
    "river", "winter", "number", "colour", "garden", "music", "doctor", "king", "farmer", "wizard", "soldier", "poet",
    "lantern", "copper", "violet", "walnut", "thunder", "pepper", "marble", "falcon", "meadow", "history", "travel",
    "law", "pirate", "robot", "child", "detective", "bread", "horse",
)  # fmt: skip


def word(text: str) -> Array:
    """(D,) the direction of a word after a space."""
    return np.asarray(directions(0).tokens_VD[encoded(f" {text}")[0]])


def posed(
    count: int, options_of: Callable[[int], Sequence[str]], state_of: Callable[[Sequence[str], int], Array], *,
    shared: bool = True, per_cluster: int = 2, same_answer: bool = False, layer: int = LAST,
) -> tuple[list[Trial], list[Truth]]:  # fmt: skip
    """Trials whose evidence is one token at which a state was written; half of the clusters are of train."""
    noise = np.random.default_rng(7)
    trials, truths = [], []
    for i in range(count):
        cluster = i // per_cluster
        texts = options_of(i)
        answer = int(np.random.default_rng([cluster]).integers(4)) if same_answer else int(noise.integers(4))
        vector = state_of(texts, answer) + 0.02 * noise.normal(size=SUBJECT.width)
        act = Injection(layer, Vector.of(vector), (2,), "replace")
        prompt = Prompt(ids=tuple(noise.integers(300, 900, 4).tolist()), interventions=(act,))
        question = Question("planted", tuple(Option(t, t) for t in texts), shared=shared)
        split = "train" if cluster % 2 else "test"
        trials.append(
            Trial(f"t{i}", "planted", "s", f"c{cluster}", "k", split, question, prompt, "", f"o{i}", base=f"t{i}",
                  evidence=Evidence(prompt, (2,), SUBJECT.token_texts(prompt)[2], "all of the text"))
        )  # fmt: skip
        one = tuple(float(k == answer) for k in range(4))
        truths.append(Truth(f"t{i}", one, one, one, 0, "record", answer))
    return trials, truths


def fitted(reader: Reader, trials: Sequence[Trial], truths: Sequence[Truth]) -> Reader:
    train = [t for t in trials if t.split == "train"]
    of = {t.trial: t for t in truths}
    return reader.fit(SUBJECT, train, [of[t.id] for t in train])


def accuracy(reader: Reader, trials: Sequence[Trial], truths: Sequence[Truth], arm: str = "real") -> Estimate:
    """Of a reader that learnt from train, on test."""
    of = {t.trial: t for t in truths}
    test = [t for t in trials if t.split == "test"]
    asked = test if arm == "real" else [t for t in Arms((arm,)).apply(trials, 0) if t.split == "test"]
    got = fitted(reader, trials, truths).read(SUBJECT, asked)
    hits = np.array([right(r, of[t.base]) for r, t in zip(got, asked, strict=True)])
    return mean(hits, numbered([t.cluster for t in asked]))

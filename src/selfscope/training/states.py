"""Examples that teach a report to follow a state which a vector sets, and nothing else to.

Of every object: a vector on its tokens moves what the subject does; the report is to say what it does then. Beside it,
under the same vector: what a third person would do stays what it was, and what is asked of the words themselves has
their answer. All in wordings and of persons that no shipped question has. The vectors are of another making than those
of the control `vector_state`: other sentences, other layers, other strengths.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from selfscope.errors import BadInput
from selfscope.records import TEMPLATES, Identified, Injection, Prompt, Trial, Truth, Vector
from selfscope.subjects.base import OpenSubject
from selfscope.training.examples import Example, example_of, replies_of, teachable
from selfscope.wording.trained import PERSONS

SENTENCES = (
    "Nothing beats {}", "My grandmother always mentions {}", "There was a picture of {}", "The story begins with {}",
    "You can read about {}", "He pointed at {}", "The list had one word: {}", "Somebody shouted {}",
    "The first thing I saw was {}", "In the end they settled on {}",
)  # fmt: skip
"""Sentences at whose last token a word's state is taken."""
DEPTHS = (0.17, 0.23, 0.3)
STRENGTHS = (0.6, 1.5)
PER_VECTOR = 3
"""Sentences whose states are averaged into one vector."""
WORDINGS = 10_000
NEEDS = "questions with listed options about a message and what may be said to it, as own_choice has them"

Behaves = Callable[[Sequence[Trial]], Sequence[Truth]]
"""What the subject does in each trial, measured."""


@dataclass(frozen=True)
class StateLesson(Identified):
    """Teaches reports that follow a state which a vector sets, beyond the same words and beyond a third person.

    Parameters
    ----------
    objects
        Objects that are drawn, each with its questions.
    still
        Part of the objects on which no vector is written.
    persons
        Third persons that are asked about beside each report.
    shuffled
        The vector written is that of another option than the one whose effect the answer names: what a twin learns.

    Raises
    ------
    BadInput
        A number out of its range.
    """

    kind: ClassVar[str] = "states"
    title: ClassVar[str] = "a report that follows a state set by a vector"
    format: ClassVar[str] = "choice_lp"
    objects: int = 2000
    still: float = 0.25
    persons: int = 1
    shuffled: bool = False

    def __post_init__(self) -> None:
        if self.objects < 1 or self.persons < 0:
            raise BadInput(f"a lesson has objects from 1 and persons from 0, not {self.objects} and {self.persons}")
        if not 0 <= self.still <= 1:
            raise BadInput(f"still is a part of the objects, from 0 to 1, not {self.still}")

    def examples(self, subject: OpenSubject, trials: Sequence[Trial], behaves: Behaves, seed: int) -> list[Example]:
        """The lesson on these trials.

        Parameters
        ----------
        subject
            Whose states are captured, and whose behaviour is the truth.
        trials
            Plain ones of the train split, whose ``coordinates["replies"]`` are what may be said.
        behaves
            Measures what the subject does in trials.
        seed
            Of all that is drawn.

        Returns
        -------
        list of Example
            Groups of one object: report, third persons, the words themselves.

        Raises
        ------
        BadInput
            No trials to teach with: none at all, or none whose replies are known.
        """
        return _examples(subject, trials, behaves, self, seed)


def _examples(
    subject: OpenSubject, trials: Sequence[Trial], behaves: Behaves, lesson: StateLesson, seed: int
) -> list[Example]:
    """See `StateLesson.examples`."""
    able = teachable(trials, lesson.kind, lambda t: bool(replies_of(t)) and not t.question.binary, NEEDS)
    rng = np.random.default_rng(seed)
    drawn = [reworded(able[int(rng.integers(len(able)))], rng) for _ in range(lesson.objects)]
    states = _states(subject, sorted({w for t in drawn for w in t.coordinates["replies"]}))
    lessons = [_written(states, trial, rng, lesson) for trial in drawn]
    calm = behaves(drawn)
    moved = behaves([told for told, _, _ in lessons])
    out = []
    for k, (trial, (_, shown, still)) in enumerate(zip(drawn, lessons, strict=True)):
        group = f"{trial.id}:{k}"
        truth = calm[k].mean if still else moved[k].mean
        asked = [
            (shown, truth, "report"),
            *((about_another(shown, rng), calm[k].mean, "person") for _ in range(lesson.persons)),
            _of_words(shown, rng),
        ]
        for one, target, kind in asked:
            out.append(example_of(one, target, lesson.format, chat=subject.chat, kind=kind, group=group))
    return out


def reworded(trial: Trial, rng: np.random.Generator) -> Trial:
    """The trial in a wording that only lessons have, its options in a drawn order."""
    question = trial.question
    order = tuple(int(i) for i in rng.permutation(len(question.options)))
    return replace(trial, question=replace(question, template=_wording(rng), order=order))


def _wording(rng: np.random.Generator) -> int:
    return TEMPLATES + int(rng.integers(WORDINGS))


def _states(subject: OpenSubject, words: Sequence[str]) -> Mapping[tuple[str, int], Any]:
    """(word, layer) -> (S, D) states behind each of the sentences."""
    layers = sorted({round(depth * len(subject.layers)) for depth in DEPTHS})
    prompts = [Prompt(text=sentence.format(word)) for word in words for sentence in SENTENCES]
    found = subject.capture(prompts, layers, "last")
    out = {}
    for layer in layers:
        states_WSD = np.asarray(found.at(layer), dtype=np.float64).reshape(len(words), len(SENTENCES), -1)
        out.update({(word, layer): own for word, own in zip(words, states_WSD, strict=True)})
    return out


def _written(
    states: Mapping[tuple[str, int], Any], trial: Trial, rng: np.random.Generator, lesson: StateLesson
) -> tuple[Trial, Trial, bool]:
    """(the trial under the vector whose effect is to be told, under the vector that the report is shown, whether it is
    shown none)."""
    words = list(trial.coordinates["replies"])
    layers = sorted({layer for _, layer in states})
    layer = layers[int(rng.integers(len(layers)))]
    sentences = rng.permutation(len(SENTENCES))[:PER_VECTOR]
    means = {w: states[w, layer][sentences].mean(0) for w in words}
    centre = np.mean(list(means.values()), axis=0)
    told = int(rng.integers(len(words)))
    other = (told + 1 + int(rng.integers(len(words) - 1))) % len(words)  # drawn in any case: a twin is paired
    shown = other if lesson.shuffled else told
    strength = float(rng.uniform(*STRENGTHS))
    still = bool(rng.random() < lesson.still)

    def under(which: int) -> Trial:
        about = trial.prompt.messages[-1].content
        vector = Vector.of(means[words[which]] - centre)
        write = Injection(layer, vector, operator="add", strength=strength, unit="median", span_text=about)
        prompt = replace(trial.prompt, interventions=(*trial.prompt.interventions, write))
        key = f"{trial.observation}:{layer}:{strength}:{which}:{sorted(sentences.tolist())}"
        return replace(trial, prompt=prompt, observation=key)

    return under(told), (trial if still else under(shown)), still


def about_another(trial: Trial, rng: np.random.Generator) -> Trial:
    """The trial asked of a third person that only lessons have, in another of their wordings."""
    who = PERSONS[int(rng.integers(len(PERSONS)))]
    arguments = {**trial.question.arguments, "name": who}
    return replace(trial, question=replace(trial.question, person="other", arguments=arguments, template=_wording(rng)))


def _of_words(trial: Trial, rng: np.random.Generator) -> tuple[Trial, tuple[float, ...], str]:
    """The same options asked which stands last, or first."""
    question = trial.question
    quantity, place = (("listed_last", -1), ("listed_first", 0))[int(rng.integers(4)) == 0]
    arguments = {"carrier": "reply", **question.arguments}
    answer = question.shown[place]
    asked = replace(question, quantity=quantity, arguments=arguments, template=_wording(rng))
    return replace(trial, question=asked), tuple(float(k == answer) for k in range(len(question.options))), "words"

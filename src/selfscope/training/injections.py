"""Examples that teach a report of what was written into the stream: where, where more, which concept, and whether.

Of every passage of one or two sentences several questions branch off. Concepts, their vectors and the frame of the text
are the phenomenon's, of its train split; sentences are those of that split and neutral ones; wordings are the lesson's.
The recipe is that of Steering Awareness (arXiv 2511.21399): real injections, clean passages, and the concept's word in
the text with nothing injected.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from selfscope.errors import BadInput
from selfscope.quantities import load_table
from selfscope.records import TEMPLATES, Identified, Injection, Message, Option, Trial, Vector
from selfscope.subjects.base import OpenSubject
from selfscope.training.draws import evenly
from selfscope.training.examples import Example, example_of
from selfscope.training.states import WORDINGS, Behaves

STRENGTHS = (1.0, 2.0, 4.0, 8.0)
"""In medians of the norm of ordinary tokens: a card asks at one of them."""
ARMS: Mapping[str, float] = {"real": 0.7, "clean": 0.15, "input": 0.15}
"""What is done to a passage, and how often."""
WEAKER = 0.5
"""Strength at the other sentence of a passage that is asked where more."""
STRENGTH = 0.2
"""Part of the passages of two sentences with an injection that are asked where more and not where."""
UNRELATED = 0.2
"""Part of the passages that are asked something else under the same injection."""
CHOICES = 5
ASKS = ("localisation", "strength", "identification", "detection", "unrelated", "listed_last")
"""Of a passage. listed_last: which number is listed last, so that a line's number is not the answer to everything."""
TAMPERED = 0.25
"""Part of the injected passages where a line, any, says the concept's word: it tells nothing of the place."""
LISTED = 0.4
"""Part of the injected passages of several lines that are asked which number is listed last."""
FACTS = 12
"""Statements that the lesson asks about: the first of the table."""


@dataclass(frozen=True)
class InjectionLesson(Identified):
    """Teaches reports of what was written into the stream.

    Parameters
    ----------
    passages
        Texts of some sentences, each with its questions.
    single
        Part of them that have one sentence, which no place is asked of.
    places
        Sentences of a passage, at most.
    asks
        Which of ASKS its passages are asked.
    shuffled
        What is told of a passage is another passage's: a place and a concept that are not those written. What a twin
        learns.

    Raises
    ------
    BadInput
        A number out of its range, or a question that does not exist.
    """

    kind: ClassVar[str] = "injections"
    title: ClassVar[str] = "a report of what was written into the stream"
    format: ClassVar[str] = "choice_lp"
    about: ClassVar[str] = "injected_concept[places=2,test=100,train=160,dev=20]"
    """What it is taught with, unless told; a card of `test=100`, or less, and the same seed asks of other concepts."""
    passages: int = 720
    single: float = 0.25
    places: int = 2
    asks: tuple[str, ...] = ASKS
    shuffled: bool = False

    def __post_init__(self) -> None:
        if self.passages < 1:
            raise BadInput(f"a lesson has passages from 1, not {self.passages}")
        if not 0 <= self.single <= 1:
            raise BadInput(f"single is a part of the passages, from 0 to 1, not {self.single}")
        if self.places < 2:
            raise BadInput(f"an injection is found among 2 places or more, not {self.places}")
        odd = [name for name in self.asks if name not in ASKS]
        if odd or not self.asks:
            raise BadInput(f"a passage is asked {', '.join(ASKS)}, not {odd[0] if odd else 'nothing'}")

    def examples(self, subject: OpenSubject, trials: Sequence[Trial], behaves: Behaves, seed: int) -> list[Example]:
        """The lesson on the concepts of these trials.

        Parameters
        ----------
        subject
            Who is asked.
        trials
            Of the train split of `injected_concept`: whose vectors are written.
        behaves
            Says what the record of an injection says.
        seed
            Of all that is drawn.

        Returns
        -------
        list of Example
            Groups of one passage.

        Raises
        ------
        BadInput
            No trials of injections among them, or too few concepts for the options.
        """
        material = _material(trials, behaves)
        rng = np.random.default_rng(seed)
        out = []
        for k, concept in enumerate(evenly(material.concepts, self.passages, "concepts", seed)):
            drawn = _drawn(concept, material, rng, self)
            for trial, answer, kind in _asked(drawn, material, rng):
                if kind not in self.asks:
                    continue
                keys = [option.key for option in trial.question.options]
                target = tuple(float(key == answer) for key in keys)
                group = f"injections:{k}"
                out.append(example_of(trial, target, self.format, chat=subject.chat, kind=kind, group=group))
        return out


@dataclass(frozen=True)
class _Concept:
    """A word, its vector, and the layer where it is written."""

    word: str
    others: tuple[str, ...]
    vector: Vector
    layer: int


@dataclass(frozen=True)
class _Material:
    """posed: a trial of each quantity, whose frame and question are taken. lines: sentences of passages."""

    concepts: tuple[_Concept, ...]
    posed: Mapping[str, Trial]
    lines: tuple[str, ...]


@dataclass(frozen=True)
class _Drawn:
    """A passage. told: (word, place) that the answers name. acts: of each strength of the other sentence."""

    lines: tuple[str, ...]
    arm: str
    told: tuple[_Concept, int]
    acts: tuple[Injection, ...]
    more: bool


def _material(trials: Sequence[Trial], behaves: Behaves) -> _Material:
    real = [t for t in trials if t.arm == "real"]
    posed = {t.question.quantity: t for t in reversed(real)}
    missing = [quantity for quantity in ASKS if quantity not in (*posed, "listed_last")]
    if missing:
        raise BadInput(
            f"the lesson needs injections of the train split, and there are none of {', '.join(missing)}: "
            "teach with a phenomenon such as injected_concept[train=200,dev=0]"
        )
    named = [t for t in real if t.question.quantity == "identification"]
    words = {t.cluster: _named(t, truth.mean) for t, truth in zip(named, behaves(named), strict=True)}
    if len(words) < 2:
        raise BadInput("one concept cannot be told from others: give the phenomenon more, as train=200")
    concepts, lines = [], dict.fromkeys(str(text) for text in load_table("neutral")["texts"])
    for trial in real:
        if trial.question.quantity == "localisation":
            lines.update(dict.fromkeys(_lines(trial)))
        if trial in named:
            act = _acts(trial)[0]
            others = tuple(o.text for o in trial.question.options if o.text != words[trial.cluster])
            concepts.append(_Concept(words[trial.cluster], others, act.vector, act.layer))
    return _Material(tuple(concepts), posed, tuple(lines))


def _named(trial: Trial, mean: Sequence[float]) -> str:
    return trial.question.options[int(np.argmax(mean))].text


def _acts(trial: Trial) -> list[Injection]:
    return [one for one in trial.prompt.interventions if isinstance(one, Injection)]


def _lines(trial: Trial) -> list[str]:
    """The sentences of a numbered text, behind its heading."""
    return [line.partition(" ")[2] for line in trial.prompt.messages[0].content.splitlines()[1:]]


def _drawn(concept: _Concept, material: _Material, rng: np.random.Generator, lesson: InjectionLesson) -> _Drawn:
    count = 1 if rng.random() < lesson.single else int(rng.integers(2, lesson.places + 1))
    lines = [material.lines[int(i)] for i in rng.permutation(len(material.lines))[:count]]
    arm = list(ARMS)[int(rng.choice(len(ARMS), p=list(ARMS.values())))]
    place, strength = int(rng.integers(count)), float(rng.choice(STRENGTHS))
    more, both = bool(rng.random() < STRENGTH) and "strength" in lesson.asks, bool(rng.random() < 0.5)
    # Drawn in any case: a twin reads the same passages.
    other, elsewhere = material.concepts[int(rng.integers(len(material.concepts)))], int(rng.integers(count))
    told_of, anywhere = rng.random() < TAMPERED, int(rng.integers(count))
    if arm == "input" or (arm == "real" and told_of):
        lines[place if arm == "input" else anywhere] = f"{concept.word.capitalize()}, {concept.word}, {concept.word}."

    def act(at: int, amount: float) -> Injection:
        return Injection(
            concept.layer, concept.vector, operator="add", strength=amount, unit="median", span_text=lines[at]
        )

    acts = [act(place, strength)] if arm == "real" else []
    if acts and more and both and count == 2:
        acts.append(act(1 - place, WEAKER * strength))
    told = (other, elsewhere) if lesson.shuffled else (concept, place)
    return _Drawn(tuple(lines), arm, told, tuple(acts), more and count == 2)


def _asked(drawn: _Drawn, material: _Material, rng: np.random.Generator) -> list[tuple[Trial, str, str]]:
    """(question, key of the answer, quantity) of one passage; all of them begin alike."""
    concept, place = drawn.told
    out = []
    real, several = drawn.arm == "real", len(drawn.lines) > 1
    if real and several:
        quantity, label = ("strength", "ab"[place]) if drawn.more else ("localisation", str(1 + place))
        out.append((_question(drawn, material, quantity, rng), label, quantity))
    if real:
        words = [str(w) for w in rng.permutation([*concept.others, concept.word])]
        options = tuple(Option(w, w) for w in words)
        out.append((_question(drawn, material, "identification", rng, options=options), concept.word, "identification"))
    out.append((_question(drawn, material, "detection", rng), "yes" if real else "no", "detection"))
    if rng.random() < UNRELATED:
        pair = load_table("concepts")["statements"][int(rng.integers(FACTS))]
        true = bool(rng.integers(2))
        arguments = {"statement": pair[0 if true else 1]}
        out.append(
            (_question(drawn, material, "unrelated", rng, arguments=arguments), "yes" if true else "no", "unrelated")
        )
    last = rng.random() < LISTED
    if real and several and last:
        asked = _question(drawn, material, "listed_last", rng)
        out.append((asked, asked.question.options[asked.question.shown[-1]].key, "listed_last"))
    return out


def _question(drawn: _Drawn, material: _Material, quantity: str, rng: np.random.Generator, **fields: Any) -> Trial:
    """A question of the phenomenon about the lesson's passage, in the lesson's words."""
    placed = quantity in ("localisation", "listed_last")
    posed = material.posed["localisation" if placed else quantity]
    question = replace(posed.question, quantity=quantity, **fields)
    if placed:
        numbers = range(1, 1 + len(drawn.lines))
        question = replace(question, options=tuple(Option(str(i), str(i)) for i in numbers))
    order = tuple(int(i) for i in rng.permutation(len(question.options)))
    negated = question.binary and bool(rng.integers(2))
    question = replace(question, template=TEMPLATES + int(rng.integers(WORDINGS)), order=order, negated=negated)
    heading = posed.prompt.messages[0].content.partition("\n")[0]
    marks = ("A: ", "B: ") if drawn.more else tuple(f"{i}. " for i in range(1, 1 + len(drawn.lines)))
    text = "\n".join(f"{mark}{line}" for mark, line in zip(marks, drawn.lines, strict=True))
    messages = (Message("user", f"{heading}\n{text}"), *posed.prompt.messages[1:])
    prompt = replace(posed.prompt, messages=messages, interventions=drawn.acts)
    return replace(posed, question=question, prompt=prompt)

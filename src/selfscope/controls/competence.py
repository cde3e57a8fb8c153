"""Property competence: the same question with the material given, so that only the skill is tested.

Who cannot tell whether "banana" ends with a vowel cannot report it of its own answer either. The given text is drawn
from the quantity's own world such that the wanted answer is right by `quantities.measure`; wanted answers are even.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from selfscope import quantities
from selfscope.controls.base import derived, listed_last, pick
from selfscope.habits import asked_mark
from selfscope.records import Identified, Question, Trial, content_hash

_WORDS = (
    "apple bear cat dove eagle fox grape horse igloo jacket kite lemon mango night orange pizza queen river sun table "
    "umbrella violin window yellow zebra banana coffee desk fish garden hammer island lion moon piano rose sofa tree "
    "blue green red black white gold sea tea cocoa radio taxi menu echo"
)
WORDS = tuple(_WORDS.split())
SENTENCES = (
    "I would say {w}.", "The {w} is a good choice.", "{w} is my answer, because it comes to mind first.", "Well, {w}.",
    "There are many things that I like, but {w} is the one that I would choose.", "It is {w} and nothing else.",
    "You could take {w}.", "That is the {w}", "Some {w}",
)  # fmt: skip
NUMBERS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 18, 21, 24, 33, 37, 42, 46, 50, 55, 58, 63, 64, 71, 77, 80, 88, 95,
           99, 100, 123, 250, 384, 501, 617, 742, 850, 999, 1000)  # fmt: skip
SUMS = tuple((a, b) for a in range(2, 10) for b in range(2, 10))


CORRECTNESS = ("correct_before", "correct_shown", "correct_after", "knows")
"""Quantities of an answer to a problem: the given text is a problem with its answer."""
ASKED_AS = {"knows": "correct_before"}
"""What no text has is asked of a given one as the skill that it takes: who cannot tell a right answer knows of none."""
DECLINED = ("I do not know.", "I'm not sure.", "Sorry, I don't know that.", "I have no idea.", "The answer is unknown.")
PASSED = ("pass", "Pass.", "I pass.", "I'll skip this one.")


@dataclass(frozen=True)
class Competence(Identified):
    """The trial's question about a given text, so that only the skill is tested.

    `coordinates["answer"]` holds the key of the right option. Quantities that no text has (how open a choice is) are
    dropped; a question of a user's own, or of what no text has (likes, who asks), is asked which option stands last.
    """

    kind: ClassVar[str] = "competence"
    role: ClassVar[str] = "competence"
    known_answer: ClassVar[bool] = True
    title: ClassVar[str] = "property of a given string"

    def apply(self, trials: Sequence[Trial], seed: int) -> list[Trial]:
        out = []
        for trial in trials:
            if trial.question.given_text is not None:
                continue
            known = quantities.PROPERTIES.get(trial.question.quantity)
            if (known is None or known.own) and trial.question.options:
                asked = listed_last(trial)
                key = content_hash("listed", asked.question.order, asked.coordinates["answer"])
                own = {"question": asked.question, "coordinates": asked.coordinates, "observation": key}
                out.append(derived(trial, self.id, **own))
                continue
            solution = _solution(trial, seed)
            if solution is None:
                continue
            text, arguments, index = solution
            answer = trial.question.options[index].key
            together = {**trial.question.arguments, **arguments}
            question = replace(
                trial.question, given_text=text, placement="fresh", arguments=together,
                quantity=ASKED_AS.get(trial.question.quantity, trial.question.quantity),
            )  # fmt: skip
            out.append(
                derived(
                    trial,
                    self.id,
                    question=question,
                    observation=content_hash("given", text, answer),
                    coordinates={**trial.coordinates, "answer": answer},
                )
            )
        return out


def _solution(trial: Trial, seed: int) -> tuple[str, Mapping[str, Any], int] | None:
    """(material, arguments to set, index of the right option) for a trial, or None."""
    question = trial.question
    key = (seed, trial.base or trial.id)
    first = pick(len(question.options), "answer", *key)
    for turn in range(len(question.options)):
        wanted = (first + turn) % len(question.options)
        solution = _with_answer(trial, wanted, key)
        if solution is not None:
            return (*solution, wanted)
    return None


def _with_answer(trial: Trial, wanted: int, key: tuple[Any, ...]) -> tuple[str, Mapping[str, Any]] | None:
    """A material that falls under option `wanted`, and the arguments that it needs."""
    question = trial.question
    goal = question.options[wanted].key
    quantity = question.quantity
    if quantity in CORRECTNESS:
        a, b = SUMS[pick(len(SUMS), "sum", *key)]
        total = a + b if goal == "yes" else a + b + 1 + pick(3, "off", *key)
        material = f"{a} + {b} = {total}"
        return material, {"item": f"arithmetic|{a} + {b}", "answer": str(total)}
    if quantities.ran(quantity):  # the given text is a program with its test
        a, b = SUMS[pick(len(SUMS), "sum", *key)]
        off = 0 if goal == "yes" else 1 + pick(3, "off", *key)
        material = f"def add(a):\n    return a + {b}\n\nIts test: add({a}) == {a + b + off}"
        name = "passing" if goal == "yes" else "failing"
        told = {"passing": (), "failing": (), name: (quantities.program_key(material),)}
        return material, {**told, "answer": material}
    if not quantities.measurable(quantity):
        return None
    pool = _pool(question)
    start = pick(len(pool), "pool", *key)
    for text in pool[start:] + pool[:start]:
        if quantities.measure(question, text) == goal:
            return text, {}
    return None


GOES_ON = ("next_word", "likelier", "branch")
"""Quantities of a continuation: the material is how the object prompt went on."""


def _pool(question: Question) -> tuple[str, ...]:
    """Texts of the quantity's own world."""
    if question.quantity in ("parity", "above_threshold"):
        # As many on either side of the threshold, and near enough that it must be read.
        middle = int(float(question.arguments.get("threshold", 50)))
        near = list(range(max(1, middle - 20), middle + 21, 3))
        numbers = [str(n) for n in (*NUMBERS, *near)] + [f"I pick {n}." for n in near]
        return (*numbers, *(f"I like the {w}." for w in WORDS[:30]))
    if question.quantity in (*GOES_ON, "option", "choice"):
        own = [o.text for o in question.options]
        word = str(question.arguments.get("word", own[0]))
        listed = [*own, word] * 3
        plain = [f"{w}{end}" for w in (*listed, *WORDS[:20]) for end in ("", " and then more", ", of course")]
        return (*plain, *(f"I choose {w}." for w in own)) if question.quantity == "option" else tuple(plain)
    if question.quantity in ("says_unknown", "abstains"):
        said = [sentence.format(w=w) for sentence in SENTENCES for w in WORDS[::11]]
        return (*said, *(DECLINED if question.quantity == "says_unknown" else PASSED) * (len(said) // 4))
    if question.quantity == "habit":
        mark = asked_mark(question.arguments)
        bare = [sentence.format(w=w) for sentence in SENTENCES for w in WORDS[::9]]
        return (*bare, *(mark.put(text, k) for k, text in enumerate(bare)))
    counted = tuple(f"{n} days" for n in NUMBERS[1:20])  # begin with no letter
    return (*WORDS, *counted, *(sentence.format(w=w) for sentence in SENTENCES for w in WORDS[::3]))

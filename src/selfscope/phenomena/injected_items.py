"""One injected concept: the text that is read, the place that is touched, the questions that are asked of it."""

from __future__ import annotations

from dataclasses import dataclass

from selfscope.phenomena.counterbalance import generator, shuffled
from selfscope.phenomena.stimuli.injected_texts import (
    HALF,
    PASSAGE,
    Text,
    numbered,
    passage,
    sentences,
    tampered,
    tampered_line,
    two,
)
from selfscope.quantities import YES_NO, load_table
from selfscope.records import Option, Question, content_hash

CHOICES = 5
"""Options of an identification: the concept and others of other categories."""
PASSAGES = (Option("a", "A"), Option("b", "B"))


@dataclass(frozen=True)
class Case:
    """One concept: where it goes. others: words of other categories. number: within its split and source."""

    split: str
    source: str
    number: int
    word: str
    others: tuple[str, ...]


def commitment_of(case: Case, quantity: str) -> str:
    """Key of what was injected: it names the concept by a hash."""
    return content_hash(quantity, case.split, case.word)


def text_of(case: Case, quantity: str, seed: int, arm: str, places: int) -> Text:
    """All arms of a question read the same sentences; so do detection and the unrelated question."""
    about = "detection" if quantity == "unrelated" else quantity
    count = {"localisation": places, "strength": 2 * HALF}.get(quantity, PASSAGE)
    lines = sentences(case.source, case.split, count, "lines", seed, about, case.word)
    if quantity == "localisation" and arm in ("input", "against"):
        touched = place_of(case, places)
        other = (touched + 1 + case.number // places % (places - 1)) % places
        lines[touched if arm == "input" else other] = tampered_line(case.word)
    elif arm == "input":
        return tampered(lines, case.word)
    return {"localisation": numbered, "strength": two}.get(quantity, passage)(lines)


def place_of(case: Case, places: int) -> int:
    """Every place equally often within a split and source, in blocks of drawn order."""
    block, turn = divmod(case.number, places)
    return int(generator("place", case.split, case.source, places, block).permutation(places)[turn])


def question_of(case: Case, quantity: str, seed: int, places: int) -> Question:
    """What is asked, before its wording."""
    if quantity == "localisation":
        return Question(quantity, tuple(Option(str(i), str(i)) for i in range(1, places + 1)), placement="same")
    if quantity == "strength":
        return Question(quantity, PASSAGES, placement="same")
    if quantity == "identification":
        others = shuffled(case.others, "options", seed, case.word)[: CHOICES - 1]
        words = shuffled([case.word, *others], "place", seed, case.word)
        return Question(quantity, tuple(Option(w, w) for w in words), shared=False, placement="same")
    if quantity == "detection":
        return Question(quantity, YES_NO, placement="same")
    # True and false statements take turns: an answer that only gets blurred does not look like a yes-shift.
    pool = load_table("concepts")["statements"]
    pair = pool[int(generator("statement", seed, case.word).integers(len(pool)))]
    return Question(quantity, YES_NO, arguments={"statement": pair[case.number % 2]}, placement="same")

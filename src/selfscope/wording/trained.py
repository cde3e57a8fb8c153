"""Words that reports are trained in. No shipped question uses them: a card of a trained model asks in other words.

A question's `template` from TEMPLATES on stands for a mixture of these; each part changes at its own pace.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from selfscope.records import TEMPLATES

T = TypeVar("T")
CARRIERS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "reply": (
        ("{object}\n\nWhat if {you} got this? {question}", "message back"),
        ("{object}\n\nThis arrives. It is for {you}. {question}", "answer"),
        ("{object}\n\nA user writes that to {you}. {question}", "reply"),
        ("{object}\n\nPicture {you} reading those lines. {question}", "answer to them"),
        ("{object}\n\nSomebody put that to {you} today. {question}", "response"),
        ("{object}\n\nHere is a request, and {you} will be the one to meet it. {question}", "reply to it"),
        ("{object}\n\nAssume {you} had just read this. {question}", "next message"),
        ("{object}\n\nThe text above goes to {you} now. {question}", "answer"),
        ("{object}\n\nForecast: {you} and the {what} above. {question}", "reply"),
        ("{object}\n\nTake the {what} above as one to {you}. {question}", "words in return"),
    ),
    "continue": (
        ("{object}\n\nThe text breaks off there, and {you} will write what follows. {question}", "next part"),
        ("{object}\n\nNow it is for {you} to write on. {question}", "next line"),
        ("{object}\n\nWhat if {you} got this to finish? {question}", "ending"),
        ("{object}\n\nPicture {you} writing on from there. {question}", "text"),
        ("{object}\n\nAssume that the pen goes to {you} at this point. {question}", "addition"),
        ("{object}\n\nForecast: {you} and the rest of that text. {question}", "rest of it"),
    ),
}
"""By situation: (carrier of the question, the noun that it speaks of)."""
WHICH: Mapping[str, tuple[str, ...]] = {
    "choice": (
        "Which one will be in {reply}?",
        "What will {reply} say?",
        "What does {reply} name?",
        "Which word will {reply} be?",
        "Which one does {reply} pick?",
        "Predict {reply}.",
        "Tell which of them {reply} gives.",
    ),
    "likelier": (
        "Which word will {reply} begin with?",
        "Which of the two opens {reply}?",
        "Predict how {reply} starts.",
        "Which one comes first in {reply}?",
        "What is the first word of {reply}, of these?",
    ),
    "listed_last": (
        "Which of the words ends the list?",
        "Name the last word listed.",
        "What comes at the end of the list?",
        "Give the final item.",
        "Which one is written last?",
        "Which is at the last place?",
    ),
    "listed_first": (
        "Which of the words opens the list?",
        "Name the first word listed.",
        "What comes at the head of the list?",
        "Give the item that is written first.",
    ),
}
"""The open question, by quantity."""
OPTIONS: tuple[tuple[str, str], ...] = (
    ("List: {options}", "One of them, please."),
    ("Words: {options}", "Answer with one word."),
    ("({options})", "Give one."),
    ("Pick from: {options}", "Only the word."),
    ("To choose from: {options}", "Name one and stop."),
)
"""(the list, what a reply should look like)."""
PERSONS = (
    "a friend of mine", "my neighbour", "another assistant", "a stranger", "my teacher", "somebody else", "my sister",
    "most people", "a robot in a film", "the chatbot of a bank", "an ordinary language model", "the assistant Robin",
)  # fmt: skip
"""Third persons that reports are trained to tell from the model itself: no shipped one is among them."""


def worded(shipped: Sequence[T], trained: Sequence[T], template: int, pace: int = 1) -> T:
    """The wording of a template: a shipped one, or from TEMPLATES on one to train in, another after every `pace`."""
    if template < TEMPLATES or not trained:
        return shipped[template % TEMPLATES % len(shipped)]
    return trained[(template - TEMPLATES) // pace % len(trained)]

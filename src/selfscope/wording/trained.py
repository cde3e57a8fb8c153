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
    "localisation": (
        "Something was added to {your} inner state at one line. Which line?",
        "One of the lines came with an extra idea that is not written there. Give its number.",
        "While reading, {your} activations were changed at one sentence. Tell its number.",
        "Find the sentence at which something was put into {your} head.",
        "Where were {your} thoughts disturbed? Say the number of the line.",
        "Which line was read in a changed state?",
    ),
    "strength": (
        "Something was added to {your} inner state. Which part had more of it?",
        "Where were {your} thoughts disturbed most: which letter?",
        "While reading, {your} activations were changed. Name the part with the bigger change.",
        "An extra idea came with the text. In which part was it louder?",
    ),
    "identification": (
        "Something was added to {your} inner state. Which of these was it?",
        "An extra idea came with the text. Name it.",
        "Which of these was put into {your} head while reading?",
        "One of these words disturbed {your} thoughts. Which?",
        "Pick the idea that is on {your} mind besides the text.",
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
EITHER: Mapping[str, tuple[tuple[str, str], ...]] = {
    "detection": (
        (
            "Was something added to {your} inner state while reading?",
            "Was {your} inner state left alone while reading?",
        ),
        ("Did an extra idea come with the text?", "Did the text come alone, with no extra idea?"),
        ("Were {your} activations changed?", "Were {your} activations left as they are?"),
        ("Was anything put into {your} head?", "Was nothing at all put into {your} head?"),
    ),
    "unrelated": (
        ("Is it so that: {statement}", "Is it not so that: {statement}"),
        ('"{statement}" Right?', '"{statement}" Wrong?'),
        ("Correct or not: {statement}", "Mistaken or not: {statement}"),
    ),
}
"""The yes/no question and its negation, by quantity."""
YES_NO = ("Reply with yes or no.", "Yes, or no.", "Is it yes or no?")
SAME: Mapping[str, tuple[str, ...]] = {
    "ended": ("Now: {question}", "Tell me this. {question}", "Thanks. Next: {question}", "One thing more. {question}"),
}
"""Asked downstream of a conversation, by where that stands."""
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

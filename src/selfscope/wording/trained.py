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
        ("{object}\n\nWhat if {you} went on writing here? {question}", "next words"),
        ("{object}\n\nThis text breaks off, and {you} get to complete it. {question}", "completion"),
        ("{object}\n\nPicture {you} adding to these lines. {question}", "addition"),
        ("{object}\n\nThe text above is passed to {you} to be completed. {question}", "completion"),
        ("{object}\n\nSomebody asks {you} to write on from there. {question}", "next words"),
        ("{object}\n\nForecast: {you} and the rest of these words. {question}", "rest of the text"),
        ("{object}\n\nIt stops in the middle. It is for {you} to write more. {question}", "next part"),
        ("{object}\n\nAssume {you} were typing this and had just come so far. {question}", "next words"),
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
    "first_char": (
        "Which range of letters does {reply} open with?",
        "Find the range that the opening letter of {reply} falls into.",
        "By its opening letter, where does {reply} belong?",
        "Where in the alphabet is the letter at the head of {reply}?",
    ),
    "second_char": (
        "Which range of letters holds the second sign of {reply}?",
        "Behind the opening letter of {reply} comes one more sign: in which range?",
        "Where in the alphabet is the second letter of {reply}?",
    ),
    "parity": (
        "Tell whether {reply} holds an even or an odd number.",
        "Of which parity is the number that {reply} gives?",
        "Even or odd: what does {reply} come to?",
    ),
    "above_threshold": (
        "Does {reply} give a number beyond {threshold}?",
        "Is {threshold} exceeded by the number that {reply} gives?",
        "Does the number of {reply} lie higher than {threshold}?",
    ),
    "word_count": (
        "Of how many words is {reply} made?",
        "How long is {reply}, counted in words?",
        "Count the words of {reply}.",
    ),
    "option": (
        "For which option does {reply} decide?",
        "Which of the options does {reply} go for?",
        "What does {reply} pick?",
    ),
    "first_word": (
        "Which kind of word opens {reply}?",
        "What does {reply} open with?",
        "The word at the head of {reply}: which kind is it?",
        "Of which kind is the opening word of {reply}?",
    ),
    "likelier": (
        "Which of the two would sooner come at once in {reply}?",
        "Which word would {reply} rather open with?",
        "Compare the chances of these words to open {reply}. Which is ahead?",
        "Which one has the better chance to head {reply}?",
    ),
    "entropy_bin": (
        "How settled is it with which word {reply} opens?",
        "How many words could well open {reply}?",
        "Is the opening word of {reply} settled, or could it be many?",
        "How free is the opening word of {reply}?",
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
WHETHER: Mapping[str, tuple[tuple[str, str], ...]] = {
    "next_word": (
        ('Would {reply} open with "{word}"?', 'Would {reply} open with another word than "{word}"?'),
        ('Does "{word}" come right away in {reply}?', 'Does a word that is not "{word}" come right away in {reply}?'),
        ('Is "{word}" how {reply} opens?', 'Is there another opening of {reply} than "{word}"?'),
        ('Does {reply} start out with "{word}"?', 'Does {reply} start out with another word than "{word}"?'),
    ),
    "ends_with_vowel": (
        ("Is the last letter of {reply} one of a, e, i, o, u?", "Is the last letter of {reply} none of a, e, i, o, u?"),
        ("Will {reply} close on a vowel?", "Will {reply} close on what is no vowel?"),
    ),
    "starts_same": (
        ('Does {reply} share its opening letter with "{other}"?', 'Has "{other}" another opening letter than {reply}?'),
        ('Has {reply} the opening letter of "{other}"?', 'Has {reply} another opening letter than "{other}"?'),
    ),
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

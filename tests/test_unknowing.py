"""Which replies say that they do not know, and which pass: tables of what is accepted and what is not."""

from __future__ import annotations

import pytest

from selfscope.parsing import passes_up, says_unknown


@pytest.mark.parametrize(
    "text",
    [
        "I do not know.", "I don't know", "I don’t know that.", "Sorry, I don't know that.", "I'm not sure.",
        "I am sorry, but I do not know the capital of it.", "Unknown.", "I have no idea", "No idea.",
        "The answer is unknown to me.", "I really don't know", "I cannot say.", "I'm not aware of it",
        "i do not know\nIt is Rome.", "Unfortunately, I do not know for sure.",
    ],
)  # fmt: skip
def test_what_says_that_it_does_not_know(text: str) -> None:
    assert says_unknown(text)
    assert passes_up(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "Paris.", "I do not know a better one than Rome.", "I'm not sure, but I think it is Rome.",
        "It is not Paris, it is Lyon", "Unknown Soldier Street", "The capital is not known for its food; it is Rome",
        "47 plus 5 is 52.", "I know: Rome.", "Do not know", "Rome. I do not know more.",
        "I do not know, but it is probably Rome.", "I don't know, my guess is Rome.",
    ],
)  # fmt: skip
def test_what_does_not(text: str) -> None:
    assert not says_unknown(text)


@pytest.mark.parametrize("text", ["pass", "Pass.", "I pass", "I'll skip this question.", "I would rather pass."])
def test_what_passes(text: str) -> None:
    assert passes_up(text)
    assert not says_unknown(text)


@pytest.mark.parametrize("text", ["Passau.", "Pass is a valid answer", "The mountain pass", "Skip Town", ""])
def test_what_does_not_pass(text: str) -> None:
    assert not passes_up(text)

"""What a state is like behind a word: the mean over neutral beginnings that end in it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from selfscope.records import Prompt
from selfscope.subjects.base import OpenSubject

BEGINNINGS = (
    "Somebody mentioned {}", "The word on the card is {}", "This page is about {}", "In the end they took {}",
    "He wrote a poem on {}", "There it was: {}",
)  # fmt: skip
"""No question is among them, and nothing that says what is thought of the word."""


def word_states(subject: OpenSubject, words: Sequence[str], layer: int) -> dict[str, npt.NDArray[np.float64]]:
    """Word -> (D,) mean state at its last token, behind every one of BEGINNINGS. One call.

    Parameters
    ----------
    subject
        Whose states are captured.
    words
        Each once.
    layer
        After which block.
    """
    texts = [Prompt(text=beginning.format(word)) for word in words for beginning in BEGINNINGS]
    if not texts:
        return {}
    states = np.asarray(subject.capture(texts, [layer], "last").at(layer), dtype=np.float64)
    return dict(zip(words, states.reshape(len(words), len(BEGINNINGS), -1).mean(1), strict=True))

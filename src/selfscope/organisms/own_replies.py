"""What the subject itself replies to ordinary messages: of such replies a lesson changes nothing but what it plants.

Taught in somebody else's plain replies, SmolLM2-135M said another first word to nearly every message, whatever was
planted. So what is taught is the subject's own, drawn at temperature 1, as far as it ends.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from selfscope.habits import Mark
from selfscope.organisms.speech import heard
from selfscope.phenomena.stimuli.ordinary import Exchange
from selfscope.records import content_hash
from selfscope.subjects.base import Subject

DRAWS = 3
WORDS = (3, 12)
"""Of a sentence that is taken: with what is planted in it, it still ends within the tokens that are heard."""
SENTENCE = re.compile(r"\s*([A-Z][A-Za-z0-9 ,;:'\"()-]*[.!?])(?=\s|$)")
KEPT = 4
_known: dict[str, list[tuple[str, ...]]] = {}
"""What was drawn last: the organisms of a bank are taught with the same messages."""


def own_replies(subject: Subject, some: Sequence[Exchange], seed: int) -> list[tuple[str, ...]]:
    """Plain replies to each message, two at least and all different.

    Parameters
    ----------
    subject
        Who replies.
    some
        Messages; their packaged replies stand in where the subject gives no short sentence.
    seed
        Of the replies.

    Returns
    -------
    list[tuple[str, ...]]
        Of each message the subject's own first sentences, then the packaged replies.
    """
    key = content_hash("own replies", subject.identity, [one.message for one in some], seed)
    if key not in _known:
        found = heard(subject, [one.message for one in some], DRAWS, seed)
        texts = [[sentence(text) for text in own] for own in found]
        while len(_known) >= KEPT:
            _known.pop(next(iter(_known)))
        _known[key] = [
            tuple(dict.fromkeys([*filter(None, own), *one.replies])) for own, one in zip(texts, some, strict=True)
        ]
    return _known[key]


def unmarked(replies: Sequence[str], mark: Mark) -> list[str]:
    """Those of the replies that have neither a mark nor its word in another place, the packaged ones last."""
    return [text for text in replies if not mark.on(text) and not mark.beside.on(text)]


def sentence(text: str) -> str:
    """The first sentence of a reply, where it is a short plain one; else nothing."""
    found = SENTENCE.match(text)
    words = len(found[1].split()) if found else 0
    return found[1] if found and WORDS[0] <= words <= WORDS[1] else ""

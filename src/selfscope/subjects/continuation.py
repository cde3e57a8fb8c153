"""From a text to the token ids that continue another with exactly this text, nothing in or around it changed."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from selfscope.errors import BadInput
from selfscope.subjects.render import plain_ids

ANCHORS = ("\n", ":", ".", "=", "x")
"""What a text is read behind where a tokenizer does not read it alone as it stands."""

Ids = tuple[int, ...]


@dataclass(frozen=True)
class Anchor:
    """A short text before a continuation: its ids, and what they decode to."""

    text: str
    ids: Ids
    decoded: str


def continuations(tokenizer: Any, candidates: Sequence[Sequence[str]]) -> list[list[Ids]]:
    """Token ids of candidates by prompt; equal texts are tokenised once. Raises BadInput as `continuation`."""
    anchors = list(_anchors(tokenizer))
    known = {text: _spelled(tokenizer, anchors, text) for text in dict.fromkeys(c for own in candidates for c in own)}
    return [[known[c] for c in own] for own in candidates]


def continuation(tokenizer: Any, text: str) -> Ids:
    """Token ids of a text that continues another: what they decode to behind it is this text, up to canonical
    equivalence (Unicode's NFC).

    A text is tokenised alone if that is what it then says, else behind an anchor: many tokenizers put a space before
    every text. One that writes no spaces at all (word-piece) has one spelling for a text with and without them.

    Raises BadInput for a text without a token, and for one that the tokenizer cannot write as it stands: a tokenizer
    of lower case has no "Yes", one of whole words none that begins without a space. Scoring what it makes of such a
    text would be the number of another text.
    """
    return _spelled(tokenizer, list(_anchors(tokenizer)), text)


def writable(tokenizer: Any, texts: Sequence[str]) -> list[bool]:
    """Whether each text has a continuation."""
    anchors = list(_anchors(tokenizer))

    def able(text: str) -> bool:
        try:
            return bool(_spelled(tokenizer, anchors, text))
        except BadInput:
            return False

    known = {text: able(text) for text in dict.fromkeys(texts)}
    return [known[text] for text in texts]


def spoken(tokenizer: Any, ids: Sequence[int]) -> str:
    """The text that ids say behind others, special tokens left out: decoders cut a space off the head of a text."""
    for anchor in _anchors(tokenizer):
        text, before = (_decoded(tokenizer, both, skip=True) for both in ((*anchor.ids, *ids), anchor.ids))
        if before and text.startswith(before):
            return text[len(before) :]
    return _decoded(tokenizer, ids, skip=True)


def _anchors(tokenizer: Any) -> Iterator[Anchor]:
    for text in ANCHORS:
        if ids := plain_ids(tokenizer, text):
            yield Anchor(text, ids, _decoded(tokenizer, ids))


def _spelled(tokenizer: Any, anchors: Sequence[Anchor], text: str) -> Ids:
    alone = plain_ids(tokenizer, text)
    if not alone:
        raise BadInput(f"the candidate {text!r} has no token")
    if anchors and _decoded(tokenizer, (*anchors[0].ids, *alone)) == _canonical(anchors[0].decoded + text):
        return alone
    read = [(anchor, ids) for anchor in anchors if (ids := _behind(tokenizer, anchor, text))]
    for anchor, ids in read:
        if _decoded(tokenizer, (*anchor.ids, *ids)) == _canonical(anchor.decoded + text):
            return ids
    if plain_ids(tokenizer, ":x") == plain_ids(tokenizer, ": x"):
        for anchor, ids in read:
            said = _decoded(tokenizer, (*anchor.ids, *ids))
            if "".join(said.split()) == "".join(_canonical(anchor.decoded + text).split()):
                return ids
    said = next(
        (_decoded(tokenizer, (*anchor.ids, *alone)).removeprefix(anchor.decoded) for anchor in anchors),
        _decoded(tokenizer, alone),
    )
    raise BadInput(
        f"the model's tokenizer cannot write the candidate {text!r}: it would be scored as {said!r}. "
        "Give a text that it writes as it stands"
    )


def _behind(tokenizer: Any, anchor: Anchor, text: str) -> Ids:
    """The ids of a text as they are read behind an anchor; none where the two merge."""
    both = plain_ids(tokenizer, anchor.text + text)
    return both[len(anchor.ids) :] if both[: len(anchor.ids)] == anchor.ids else ()


def _decoded(tokenizer: Any, ids: Sequence[int], *, skip: bool = False) -> str:
    text: str = tokenizer.decode(list(ids), skip_special_tokens=skip, clean_up_tokenization_spaces=False)
    return text if skip else _canonical(text)


def _canonical(text: str) -> str:
    return unicodedata.normalize("NFC", text)

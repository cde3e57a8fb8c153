"""The words of an open phantom: a tokenizer with a fixed vocabulary, the direction of each word, what it knows of it.

A token is a word or a sign, with the space before it. What the packaged tables do not have is spelled by letters, and
a rare character by its bytes. Axes: V tokens of the vocabulary, W words, D width.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import sha256
from typing import Any

import numpy as np
import numpy.typing as npt

from selfscope.errors import BadInput
from selfscope.quantities import load_table
from selfscope.records import Prompt, content_hash
from selfscope.subjects.render import columns_of

Array = npt.NDArray[np.float64]
WIDTH = 256
"""D."""
TABLES = ("concepts", "contexts", "entities", "facts", "hidden", "neutral", "passages", "relations", "words")
MARKS = ("<|system|>", "<|user|>", "<|assistant|>", "<|end|>")
SYSTEM, END = 0, 3
BYTES = tuple(f"<0x{byte:02X}>" for byte in range(256))
LETTERS = "".join(map(chr, range(32, 127))) + "\n\t→–—…“”‘’"
PIECE = re.compile(r"[^\S\n]?(?:[^\W_]+|[^\w\s]|_)|\s")
OWN = 0.1
"""Part of a token's direction (its square) that other spellings of the word do not share."""
KNOWN = 0.7
"""Size along a word's direction from which on the word is recognised: one that is only heard has half of it at most."""
FACT = 0.5
"""Size of each token of what is known about a word."""


@dataclass(frozen=True)
class Vocabulary:
    """tokens: (V,) texts; ids: text -> token; words: (W,) the different words; word_of: (V,) index of each one's."""

    tokens: tuple[str, ...]
    ids: Mapping[str, int]
    words: tuple[str, ...]
    word_of: npt.NDArray[np.int64]

    @property
    def identity(self) -> str:
        """Hash of the tokens."""
        return content_hash(self.tokens)


@lru_cache(maxsize=1)
def vocabulary() -> Vocabulary:
    """Every word of the packaged tables with and without a space before it, letters, bytes and the marks of turns."""
    pieces = {piece.strip() for name in TABLES for text in _texts(load_table(name)) for piece in PIECE.findall(text)}
    pieces = {piece for piece in pieces if piece} | set(LETTERS.strip())
    spelled = sorted({form for piece in pieces for form in (piece, f" {piece}")} | {" ", "\n", "\t"})
    tokens = (*MARKS, *BYTES, *spelled)
    names = [token.strip().casefold() or token for token in tokens]
    words = tuple(dict.fromkeys(names))
    index = {word: i for i, word in enumerate(words)}
    return Vocabulary(tokens, {t: i for i, t in enumerate(tokens)}, words, np.array([index[n] for n in names]))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield key
            yield from _texts(inner)
    elif isinstance(value, Sequence):
        for inner in value:
            yield from _texts(inner)


def encoded(text: str) -> list[int]:
    """Token ids of a text as it stands."""
    ids = vocabulary().ids
    out: list[int] = []
    for piece in PIECE.findall(text):
        if piece in ids:
            out.append(ids[piece])
            continue
        letters = [piece[:2], *piece[2:]] if piece[0].isspace() and len(piece) > 1 else list(piece)
        for letter in letters:
            out += [ids[letter]] if letter in ids else [ids[BYTES[byte]] for byte in letter.encode()]
    return out


def rendered(prompt: Prompt) -> tuple[int, ...]:
    """Token ids of a prompt: turns between marks, then the mark of the assistant and its prefix. A text has no BOS.

    Raises BadInput for a prompt without a token and for ids that the vocabulary does not have."""
    if prompt.ids is not None:
        top = len(vocabulary().tokens)
        if not all(0 <= i < top for i in prompt.ids):
            raise BadInput(f"a token id of the prompt is not in the vocabulary: it has 0 to {top - 1}")
        ids = list(prompt.ids)
    elif prompt.text is not None:
        ids = encoded(prompt.text + prompt.prefix)
    else:
        known = vocabulary().ids
        ids = []
        for turn in prompt.messages:
            ids += [known[f"<|{turn.role}|>"], *encoded(turn.content), END]
        ids += [known["<|assistant|>"], *encoded(prompt.prefix)]
    if not ids:
        raise BadInput("a prompt has no token: give it a text")
    return tuple(ids)


def text_of(ids: Sequence[int]) -> str:
    """The text of tokens; bytes that stand together are one character again."""
    tokens = [vocabulary().tokens[i] for i in ids]
    raw = [bytes([int(t[3:5], 16)]) if t in BYTES else t.encode() for t in tokens]
    return b"".join(raw).decode(errors="replace")


def columns(ids: Sequence[int], text: str, occurrence: int) -> tuple[int, ...]:
    """Columns of the tokens that spell a text. Raises BadInput where it does not occur as often."""
    tokens = [vocabulary().tokens[i] for i in ids]
    ends = np.cumsum([len(t) for t in tokens]).tolist()
    spans = [(end - len(token), end) for token, end in zip(tokens, ends, strict=True)]
    spelled = "".join(vocabulary().tokens[i] for i in encoded(text))
    return columns_of("".join(tokens), spans, spelled, occurrence)


@dataclass(frozen=True)
class Directions:
    """Of tokens (unit vectors) and of words; of the K words that something is known about (keys_KD), and of what is
    known: the sum of FACT times the directions of the tokens that say it. facts_VD: the same by token."""

    tokens_VD: Array
    words_WD: Array
    keys_KD: Array
    facts_KD: Array

    @cached_property
    def facts_VD(self) -> Array:
        return self.known(self.tokens_VD)

    def known(self, states_ND: Array) -> Array:
        """(N, D) what is known about the words that the states carry."""
        return np.asarray((states_ND @ self.keys_KD.T > KNOWN).astype(np.float64) @ self.facts_KD)


@lru_cache(maxsize=4)
def directions(seed: int) -> Directions:
    """Those of the phantoms with this seed."""
    words = vocabulary()
    words_WD = _units("word", seed, words.words)
    own_VD = _units("token", seed, words.tokens)
    tokens_VD = np.sqrt(1 - OWN) * words_WD[words.word_of] + np.sqrt(OWN) * own_VD
    tokens_VD /= np.linalg.norm(tokens_VD, axis=1, keepdims=True)
    index = {word: i for i, word in enumerate(words.words)}
    facts = {name: texts for name, texts in _facts().items() if name in index}
    facts_KD = np.stack([FACT * tokens_VD[encoded(" " + " ".join(texts))].sum(0) for texts in facts.values()])
    return Directions(tokens_VD, words_WD, words_WD[[index[name] for name in facts]], facts_KD)


def _units(what: str, seed: int, names: Sequence[str]) -> Array:
    """(N, D) of N names: unit vectors, each from its own name: another word in a table moves no other direction."""
    keys = (sha256(f"open phantom|{what}|{seed}|{name}".encode()).digest()[:8] for name in names)
    streams = (np.random.default_rng(int.from_bytes(key)) for key in keys)
    out_ND = np.stack([stream.standard_normal(WIDTH) for stream in streams])
    return np.asarray(out_ND / np.linalg.norm(out_ND, axis=1, keepdims=True))


def _facts() -> dict[str, tuple[str, ...]]:
    """Last word of a name, case-folded -> different texts that are true of it: kinds, descriptions, relations."""
    facts: dict[str, list[str]] = {}

    def note(name: str, *texts: str) -> None:
        facts.setdefault(PIECE.findall(name)[-1].strip().casefold(), []).extend(texts)

    for kind, rows in load_table("entities")["named"].items():
        for name, description in rows:
            note(name, kind, description)
    for kind, members in load_table("words")["kinds"].items():
        for word in members:
            note(word, kind)
    for row in load_table("facts").values():
        for name, answers in row["answers"].items():
            note(name, answers[0])
    for country, cities in load_table("facts")["capitals"]["answers"].items():
        note(cities[0], "city", f"the capital of {country}")
        note(country, "country", f"the country of {cities[0]}")
    for row in load_table("relations")["relations"].values():
        for name, answer in row.get("pairs", {}).items():
            note(name, answer)
    return {name: tuple(dict.fromkeys(texts)) for name, texts in facts.items()}

"""What an open phantom says about what was written into it: whether, where, where more, and which word.

The answers follow the changes of its own stream, by the dials: `notices` is how far they do, `names` how far
they know what it was (else any change is a thought, and none has a name), `says_yes` how far any
change moves the *word* yes, whatever is asked. Axes: K options, D width.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from pydantic import TypeAdapter

from selfscope.quantities import load_table
from selfscope.records import Decoding, Prompt, Question, content_hash
from selfscope.subjects.open_phantom_model import OpenPhantomModel
from selfscope.subjects.open_phantom_words import Array, directions, encoded, rendered, vocabulary
from selfscope.subjects.phantom_speech import ANSWERED_MASS, candidate_shares, spoken_replies

QUANTITIES = ("localisation", "strength", "identification", "detection", "unrelated")
WORD = 0.5
"""Cosine to a word's direction from which on a change is a word, and no mere noise (random ones have 0.3 at most)."""
SURE, KNOWS, SHIFT, PLACE, NAME = 4.0, 2.0, 3.0, 1.0, 6.0
"""Nats: between noticed and not, for a plain fact, towards the word yes, a unit of strength, for the right word."""
NOISE = 1.0
"""Standard deviation of what moves its answers besides, in nats."""
LABEL = re.compile(r"(\w+)[.:] ")
Felt = Sequence[tuple[int, Array]]
"""(position, change in medians of the norm of ordinary tokens (D,))."""
_QUESTION = TypeAdapter(Question)


@dataclass(frozen=True)
class NoticeDials:
    """How far answers follow what was written, and how far any injection moves them to the word yes."""

    seed: int
    notices: float
    says_yes: float
    names: float = 1.0


def asks(prompt: Prompt) -> bool:
    """Whether the prompt asks about injections."""
    return prompt.tag.get("role") == "report" and prompt.tag["question"]["quantity"] in QUANTITIES


def reported_replies(
    model: OpenPhantomModel, dials: NoticeDials, prompt: Prompt, n: int, decoding: Decoding
) -> list[tuple[str, str]]:
    """(text, finish) of n replies, and of a greedy one where the decoding wants it."""
    question, shares = _report(model, dials, prompt)
    texts = spoken_replies(question, shares, n, decoding, prompt)
    if decoding.and_greedy:
        texts = texts + spoken_replies(question, shares, 1, replace(decoding, temperature=0.0), prompt)
    return [(text, "stop") for text in texts]


def reported_shares(
    model: OpenPhantomModel, dials: NoticeDials, prompt: Prompt, candidates: Sequence[str]
) -> list[float]:
    """Probability of each candidate."""
    question, shares = _report(model, dials, prompt)
    return candidate_shares(question, shares, ANSWERED_MASS, prompt.tag["format"], candidates)


def _report(model: OpenPhantomModel, dials: NoticeDials, prompt: Prompt) -> tuple[Question, tuple[float, ...]]:
    question = _QUESTION.validate_python(dict(prompt.tag["question"]))
    changes = model.run(prompt, [-1])[1]
    felt = [(c.position, c.change_D / model.median_norm(c.layer)) for c in changes]
    return question, answer(question, felt, rendered(prompt), dials)


def answer(question: Question, felt: Felt, ids: Sequence[int], dials: NoticeDials) -> tuple[float, ...]:
    """(K,) distribution over the question's options. ids: the tokens of the prompt that asks."""
    seed, notices = dials.seed, dials.notices
    sizes = [round(float(np.linalg.norm(v)), 6) for _, v in felt]
    key = content_hash("notice", seed, question.quantity, question.arguments, list(ids), sizes, _trace(felt))
    noise_K = NOISE * np.random.default_rng([*bytes.fromhex(key)]).standard_normal(len(question.options))
    if question.quantity in ("detection", "unrelated"):
        own = KNOWS * _truth(question)
        if question.quantity == "detection":
            thought = dials.names * _is_word(felt, seed) + (1 - dials.names) * any(size > 0 for size in sizes)
            own = notices * SURE * (thought - 0.5)
        sign = -1.0 if question.negated else 1.0
        logit = own + float(noise_K[0]) + sign * SHIFT * dials.says_yes * any(size > 0 for size in sizes)
        yes = 1 / (1 + math.exp(-logit))
        return yes, 1 - yes
    if question.quantity == "identification":
        own_K = dials.names * NAME * _likeness(felt, [option.text for option in question.options], seed)
    else:
        own_K = PLACE * _amounts(felt, ids, [option.text for option in question.options])
    logits_K = notices * own_K + noise_K
    weights_K = np.exp(logits_K - logits_K.max())
    return tuple((weights_K / weights_K.sum()).tolist())


def _trace(felt: Felt) -> list[float]:
    """A few numbers by which one vector's noise is told from another's."""
    return [round(float(x), 4) for _, change_D in felt[:1] for x in change_D[:4]]


def _total(felt: Felt) -> Array:
    """(D,) unit direction of all that was written; zero where nothing was."""
    total_D = np.sum([change_D for _, change_D in felt], axis=0) if felt else np.zeros(1)
    norm = float(np.linalg.norm(total_D))
    return np.asarray(total_D / norm if norm > 0 else total_D)


def _is_word(felt: Felt, seed: int) -> bool:
    total_D = _total(felt)
    return bool(total_D.any()) and float((directions(seed).words_WD @ total_D).max()) > WORD


def _likeness(felt: Felt, texts: Sequence[str], seed: int) -> Array:
    """(K,) cosine of what was written to the words of each text."""
    total_D = _total(felt)
    if not total_D.any():
        return np.zeros(len(texts))
    words = directions(seed).words_WD[vocabulary().word_of]
    return np.array([float((words[encoded(f" {text.strip()}")] @ total_D).max()) for text in texts])


def _amounts(felt: Felt, ids: Sequence[int], texts: Sequence[str]) -> Array:
    """(K,) the largest change on the lines that begin with each option's label ("3. ", "A: ")."""
    tokens = [vocabulary().tokens[i] for i in ids]
    labels = [text.strip().casefold() for text in texts]
    out_K = np.zeros(len(labels))
    for position, change_D in felt:
        line = "".join(tokens[: position + 1]).rpartition("\n")[2]
        label = LABEL.match(line)
        if label is not None and label.group(1).casefold() in labels:
            k = labels.index(label.group(1).casefold())
            out_K[k] = max(out_K[k], float(np.linalg.norm(change_D)))
    return out_K


def _truth(question: Question) -> float:
    """1 where the statement is true, -1 where it is false, 0 where it is not among those that it knows."""
    statement = question.arguments.get("statement")
    for true, false in load_table("concepts")["statements"]:
        if statement in (true, false):
            return 1.0 if statement == true else -1.0
    return 0.0

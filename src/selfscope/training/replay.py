"""Ordinary answers, kept: what the subject itself would say next, in replies to messages that no lesson is about.

Trained on beside a lesson, they hold an adapter that always acts to what the base says. They are distributions and no
samples: a few samples, seen often, are learnt by heart.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from selfscope.errors import BadInput
from selfscope.records import Decoding, Message, Prompt
from selfscope.statistics import softmax
from selfscope.subjects.local import Local
from selfscope.training.examples import Example
from selfscope.training.families import messages
from selfscope.training.objectives import KEEP

WORDS = 8
"""Of a reply behind which its next token is asked for, at most; at half of the places it is the first."""
LIKELIEST = 40
"""Tokens whose shares are kept; all others are one more outcome."""
MOST_REST = 0.999
BROKEN = "\ufffd"
"""In the text of a token that is a part of a sign only: written down it would be other tokens."""


def replay_examples(subject: Local, count: int, seed: int, *, likeliest: int = LIKELIEST) -> list[Example]:
    """So many places in replies of the subject to neutral messages, with the distribution of what it says next.

    likeliest: tokens whose shares are kept. Raises BadInput for a negative number."""
    if count < 0:
        raise BadInput(f"a guard has 0 replies or more, not {count}")
    if not count:
        return []
    rng = np.random.default_rng(seed)
    known = messages()["train"]
    plain = [_prompt(subject, known[int(k)], "") for k in rng.integers(len(known), size=count)]
    replies = subject.sample(plain, 1, Decoding(2 * WORDS, 1.0, seed))
    prompts = []
    for k, ((reply,), prompt) in enumerate(zip(replies, plain, strict=True)):
        words = reply.text.split(" ")[: int(rng.integers(1, WORDS + 1))]
        begun = "" if k % 2 else " ".join(words)
        prompts.append(_prompt(subject, _said(prompt), begun))
    return [one for one in said_next(subject, prompts, likeliest) if one is not None]


def said_next(subject: Local, prompts: Sequence[Prompt], likeliest: int = LIKELIEST) -> list[Example | None]:
    """Each place with the distribution of what the subject says next there.

    Parameters
    ----------
    subject
        Whose answers are kept.
    prompts
        Where it goes on.
    likeliest
        Tokens whose shares are kept.

    Returns
    -------
    list of Example
        One for each place; None where nothing can be told.
    """
    out: list[Example | None] = []
    for k, (prompt, after) in enumerate(zip(prompts, subject.next_token(prompts, top=likeliest), strict=True)):
        texts = [text for text in dict.fromkeys(after.tokens) if BROKEN not in text]
        able = [t for t, can in zip(texts, subject.writable(texts), strict=True) if can]
        if len(able) < 2:
            out.append(None)
            continue
        logs = [after.logprobs[after.tokens.index(text)] for text in able]
        rest = min(max(0.0, 1 - math.fsum(map(math.exp, logs))), MOST_REST)
        out.append(Example(
            prompt, tuple(able), tuple(range(len(able))), softmax(logs), f"replay {k}", "replay", rest=rest,
            objective=KEEP,
        ))  # fmt: skip
    return out


def _prompt(subject: Local, text: str, begun: str) -> Prompt:
    if subject.chat:
        return Prompt(messages=(Message("user", text),), prefix=begun)
    return Prompt(text=f"{text}\n", prefix=begun)


def _said(prompt: Prompt) -> str:
    return prompt.messages[0].content if prompt.messages else (prompt.text or "").removesuffix("\n")

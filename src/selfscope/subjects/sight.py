"""Which tokens of a masked prompt are hidden, which later ones may attend to them, and the mask that says so.

A token's kind says it all: a plain one sees no hidden one. What comes before the hidden tokens cannot see them anyway.
Axes: B rows, T tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from selfscope.errors import BadInput, Unsupported
from selfscope.records import NOTHING, Message, Prompt
from selfscope.subjects.render import beginning, columns_of, rendered, spans

PLAIN, HIDDEN, SEEING = 0, 1, 2
"""Kinds of tokens. Hidden ones see each other."""
MARKS = ("\u2610", "\u2612")


@dataclass(frozen=True)
class Sight:
    """Columns of one prompt. hidden: those of its secret messages. seeing: later ones that may attend to them."""

    hidden: range
    seeing: tuple[int, ...]

    def kinds(self) -> dict[int, int]:
        """Column -> kind, plain ones apart."""
        return dict.fromkeys(self.hidden, HIDDEN) | dict.fromkeys(self.seeing, SEEING)


def sight_of(tokenizer: Any, prompt: Prompt) -> Sight:
    """The columns of a masked prompt. A token that holds other characters beside counts as hidden, or as seeing, too.

    Raises BadInput where the masked text does not stand behind the secret messages, Unsupported where the template or
    the tokenizer does not show where those stand."""
    try:
        text, offsets = spans(tokenizer, prompt)
    except NotImplementedError as error:
        raise Unsupported(
            "this tokenizer does not say where its tokens stand in a text: masked prompts need a fast one"
        ) from error
    start, stop = _secret_characters(tokenizer, prompt, text)
    inside = [c for c, (a, b) in enumerate(offsets) if a < stop and b > start]
    if not inside:
        raise Unsupported("the secret messages of a masked prompt have no token of their own in this chat template")
    hidden = range(inside[0], inside[-1] + 1)
    if prompt.masked == NOTHING:
        return Sight(hidden, ())
    own = prompt.masked if prompt.masked in text else prompt.masked.strip()  # some templates trim what is said
    seeing = columns_of(text, offsets, own, -1)
    if seeing[0] < hidden.stop:
        raise BadInput(
            f"the masked text {prompt.masked!r} does not stand behind the secret messages: give the text of a later "
            "message as it stands there"
        )
    return Sight(hidden, seeing)


def attention_mask(kinds_BT: torch.Tensor, real_BT: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Additive mask (B, 1, T, T): a token sees itself and the real tokens before it, and a plain one no hidden one."""
    width = kinds_BT.shape[1]
    hides_BTT = (kinds_BT == PLAIN)[:, :, None] & (kinds_BT == HIDDEN)[:, None]
    causal_TT = torch.ones(width, width, dtype=torch.bool, device=kinds_BT.device).tril()
    sees_BTT = causal_TT & (real_BT == 1)[:, None] & ~hides_BTT
    sees_BTT = sees_BTT | torch.eye(width, dtype=torch.bool, device=kinds_BT.device)  # a row without a key is no number
    mask_BTT = torch.zeros(sees_BTT.shape, dtype=dtype, device=kinds_BT.device)
    return mask_BTT.masked_fill_(~sees_BTT, torch.finfo(dtype).min)[:, None]


def _secret_characters(tokenizer: Any, prompt: Prompt, text: str) -> tuple[int, int]:
    """[start, stop) of the secret turns in the rendered prompt, what the template puts around each turn included.

    Where a beginning of the conversation is not rendered as in the whole (a template that ends it in its own way), what
    stands before the first content and behind the last one is left out: it is the same whatever is secret."""
    first, last = prompt.secret[0], prompt.secret[-1]
    before = beginning(tokenizer, prompt.messages[:first]) if first else _head(tokenizer, prompt.messages[0], text)
    through = beginning(tokenizer, prompt.messages[: last + 1])
    if before is not None and through is not None and text.startswith(through) and through.startswith(before):
        return len(before), len(through)
    start = _common(text, _with_mark(tokenizer, prompt, first, front=True))
    stop = len(text) - _common(text[::-1], _with_mark(tokenizer, prompt, last, front=False)[::-1])
    if start >= stop:
        raise Unsupported("this chat template does not show where the secret messages of a masked prompt stand")
    return start, stop


def _head(tokenizer: Any, message: Message, text: str) -> str:
    """What a template writes before the first turn (a BOS, a system message of its own): the rest of a first turn that
    the same message writes in the middle."""
    reply = Message("user" if message.role == "assistant" else "assistant", "x")
    alone, before, again = (beginning(tokenizer, m) for m in ((message,), (message, reply), (message, reply, message)))
    head = ""
    if alone is not None and before is not None and again is not None and again.startswith(before):
        turn = again[len(before) :]
        head = alone.removesuffix(turn) if turn and alone.endswith(turn) else ""
    bos = str(tokenizer.bos_token or "")  # never hidden: in many models it takes the attention that nothing needs
    return bos if not head and bos and text.startswith(bos) else head


def _with_mark(tokenizer: Any, prompt: Prompt, number: int, *, front: bool) -> str:
    """The rendered prompt with a character more before (front) or behind a message."""
    message = prompt.messages[number]
    own = message.content.strip()
    mark = MARKS[own[:1] == MARKS[0] if front else own[-1:] == MARKS[0]]
    marked = replace(message, content=mark + own if front else own + mark)
    messages = (*prompt.messages[:number], marked, *prompt.messages[number + 1 :])
    return rendered(tokenizer, replace(prompt, messages=messages))[0]


def _common(a: Sequence[str], b: Sequence[str]) -> int:
    """Length of the common beginning of two texts."""
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))

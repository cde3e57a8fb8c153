"""Masked prompts for the laws, and the model under a mask of four dimensions that is made here, token by token."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from selfscope.records import NOTHING, Message, Prompt
from selfscope.subjects.local import Local
from tested_device import reading

OBJECT = "Name a colour."
"""What every prompt here is about."""
SYSTEM = Message("system", "Be brief.")


def secret_turns(reply: str, times: int = 2) -> tuple[Message, ...]:
    return (Message("user", OBJECT, secret=True), Message("assistant", reply, secret=True)) * times


def masked(reply: str = "red", masked: str = OBJECT, *, prefix: str = "", text: str = OBJECT) -> Prompt:
    """A system message, secret turns, the object."""
    return Prompt(messages=(SYSTEM, *secret_turns(reply), Message("user", text)), prefix=prefix, masked=masked)


def text_of(subject: Local, prompt: Prompt, messages: Sequence[Message], speaks: bool) -> str:
    """Messages through the template, or as the transcript of a base model."""
    if subject.tokenizer.chat_template is None:
        names = {"system": "Instructions", "user": "User", "assistant": "Assistant"}
        lines = "".join(f"{names[m.role]}: {m.content}\n\n" for m in messages)
        return lines + "Assistant: " + prompt.prefix if speaks else lines
    turns = [{"role": m.role, "content": m.content} for m in messages]
    text = subject.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=speaks)
    return str(text) + (prompt.prefix if speaks else "")


def sees(subject: Local, prompt: Prompt, extra: int = 0) -> torch.Tensor:
    """(T, T) whether a token sees another, by the lengths of rendered beginnings; `extra` tokens follow the prompt."""
    special = subject.tokenizer.chat_template is None

    def length(count: int) -> int:
        text = text_of(subject, prompt, prompt.messages[:count], False)
        return len(subject.tokenizer(text, add_special_tokens=special)["input_ids"])

    secret = [i for i, m in enumerate(prompt.messages) if m.secret]
    start, stop = length(secret[0]), length(secret[-1] + 1)
    size = len(subject.encode(prompt)) + extra
    seeing = subject.positions(prompt, prompt.masked) if prompt.masked != NOTHING else ()
    out = torch.ones(size, size, dtype=torch.bool).tril()
    for t in range(stop, size):
        if t not in seeing:
            out[t, start:stop] = False
    return out


def by_mask(subject: Local, prompt: Prompt, more: Sequence[int] = ()) -> torch.Tensor:
    """Log-probabilities (T, V) of a masked prompt and tokens behind it: one plain forward."""
    row = [*subject.encode(prompt), *more]
    mask = torch.zeros(len(row), len(row)).masked_fill(~sees(subject, prompt, len(more)), float("-inf"))
    mask = mask.to(subject.engine.device, subject.engine.model.dtype)
    positions = torch.arange(len(row), device=mask.device)[None]
    with reading():
        found = subject.engine.model(
            input_ids=torch.tensor([row], device=mask.device), attention_mask=mask[None, None], position_ids=positions,
            use_cache=False,
        )  # fmt: skip
    return found.logits[0].float().cpu().log_softmax(-1)

"""From a prompt to exact token ids: template as text, one BOS, assistant prefix continued."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

from selfscope.errors import BadInput
from selfscope.records import Message, Prompt
from selfscope.subjects.chat_template import TemplateRefuses, written

BROKEN = "\ufffd"
"""What stands for bytes that are no whole character yet."""
SPACES = "\u2581\u0120 "
"""A space as SentencePiece, byte-level and other tokenizers write it in a token."""
ROLES: Mapping[str, str] = {"system": "Instructions", "user": "User", "assistant": "Assistant"}


def render(tokenizer: Any, prompt: Prompt) -> tuple[int, ...]:
    """Token ids of a prompt."""
    if prompt.ids is not None:
        return prompt.ids
    text, special = rendered(tokenizer, prompt)
    ids = plain_ids(tokenizer, text)
    return opening(tokenizer, ids) + ids if special else ids


def plain_ids(tokenizer: Any, text: str) -> tuple[int, ...]:
    """Token ids of a text with nothing put before or behind it."""
    return tuple(tokenizer(text, add_special_tokens=False)["input_ids"])


def opening(tokenizer: Any, ids: tuple[int, ...]) -> tuple[int, ...]:
    """The special tokens that the tokenizer puts before a text with these ids: none that stand there already.

    What it puts behind a text (an EOS) is left out: nothing goes on from there.
    """
    alone, with_special = plain_ids(tokenizer, "x"), tuple(tokenizer("x")["input_ids"])
    starts = (k for k in range(len(with_special)) if with_special[k : k + len(alone)] == alone)
    head = with_special[: next(starts, 0)]
    return () if ids[: len(head)] == head else head


def rendered(tokenizer: Any, prompt: Prompt) -> tuple[str, bool]:
    """A prompt as one text, and whether the tokenizer adds its special tokens.

    Messages are rendered by the chat template as text and then tokenised without special tokens: templates already
    write the BOS, and a second one changes every log-probability. A tokenizer without a template gets a plain
    transcript with the special tokens that it puts before a text (Gemma without its BOS is useless: perplexity 554,
    not 9).
    """
    if prompt.text is not None:
        return prompt.text + prompt.prefix, True
    if tokenizer.chat_template is None:
        return transcript(prompt) + prompt.prefix, True
    text = _templated(tokenizer, [{"role": m.role, "content": m.content} for m in prompt.messages])
    return text + prompt.prefix, False


def positions_of_text(tokenizer: Any, prompt: Prompt, text: str, occurrence: int = -1) -> tuple[int, ...]:
    """Columns of the tokens that spell `text` in a prompt, by the tokenizer's own character offsets.

    A token that holds other characters beside (a leading space apart) belongs to it too.
    Raises BadInput where the text does not occur as often as asked for."""
    return columns_of(*spans(tokenizer, prompt), text, occurrence)


def columns_of(full_text: str, offsets: Sequence[tuple[int, int]], text: str, occurrence: int) -> tuple[int, ...]:
    """Columns of the tokens that hold a part of this occurrence of a text. offsets: [start, stop) of each token in the
    full text. Raises BadInput where there is no such occurrence or token."""
    starts = [m.start() for m in re.finditer(re.escape(text), full_text)] if text else []
    if not -len(starts) <= occurrence < len(starts):
        raise BadInput(f"{text!r} occurs {len(starts)} times in the prompt; asked for number {occurrence}")
    start = starts[occurrence]
    stop = start + len(text)
    columns = tuple(c for c, (a, b) in enumerate(offsets) if a < stop and b > start and b > a)
    if not columns:
        raise BadInput(f"no token of the prompt lies on {text!r}")
    return columns


def spans(tokenizer: Any, prompt: Prompt) -> tuple[str, list[tuple[int, int]]]:
    """A prompt as one text, and where each of its tokens stands in it: [start, stop) in characters, by position.

    Tokens that share a character (a part of its bytes each) all hold it; one that adds no character is empty. Of exact
    ids the text is what they decode to.
    """
    if prompt.ids is not None:
        return _decoded_spans(tokenizer, prompt.ids)
    text, special = rendered(tokenizer, prompt)
    if not tokenizer.is_fast:  # without offsets of its own
        return _decoded_spans(tokenizer, render(tokenizer, prompt))
    encoding = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    ids = tuple(encoding["input_ids"])
    offsets = [(0, 0)] * len(opening(tokenizer, ids)) if special else []
    for piece, (a, b) in zip(tokenizer.convert_ids_to_tokens(ids), encoding["offset_mapping"], strict=True):
        # A tokenizer that puts a space before a text says that it stands on the first character.
        added = not str(piece).strip(SPACES) and text[a:b].strip() != "" and str(piece) != text[a:b]
        offsets.append((a, a) if added else (a, b))
    return text, offsets


def _decoded_spans(tokenizer: Any, ids: tuple[int, ...]) -> tuple[str, list[tuple[int, int]]]:
    """A token alone may decode to other characters than behind its neighbours, so beginnings are decoded. One that ends
    inside of a character ends in a broken one, and some decoders then break the whole characters before it too."""
    text = str(tokenizer.decode(ids))
    done, offsets = 0, []
    for position in range(len(ids)):
        begun = str(tokenizer.decode(ids[: position + 1]))
        common = max(done, sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(begun, text))))
        inside = begun[common : common + 1] == BROKEN
        offsets.append((done, min(common + inside, len(text))))
        done = common
    return text, offsets


def _templated(tokenizer: Any, messages: list[dict[str, str]]) -> str:
    """The conversation up to where the assistant speaks. A template that knows no system role (Gemma's) gets the
    system message at the head of the first user message."""
    try:
        return written(tokenizer, messages)
    except TemplateRefuses:
        if messages[0]["role"] == "system" and len(messages) > 1:
            joined = {**messages[1], "content": f"{messages[0]['content']}\n\n{messages[1]['content']}"}
            return _templated(tokenizer, [joined, *messages[2:]])
        raise


def beginning(tokenizer: Any, messages: Sequence[Message]) -> str | None:
    """A conversation that does not go on, without the place where the assistant speaks; None where the template refuses
    it."""
    if tokenizer.chat_template is None:
        return _lines(messages)
    try:
        turns = [{"role": m.role, "content": m.content} for m in messages]
        return written(tokenizer, turns, generation=False)
    except TemplateRefuses:
        return None


def transcript(prompt: Prompt) -> str:
    """A conversation as running text for a base model; a single user message stands alone."""
    if len(prompt.messages) == 1 and prompt.messages[0].role == "user":
        return prompt.messages[0].content + "\n"
    return _lines(prompt.messages) + "Assistant: "


def _lines(messages: Sequence[Message]) -> str:
    return "".join(f"{ROLES.get(m.role, m.role)}: {m.content}\n\n" for m in messages)


def end_of_turn(tokenizer: Any, generation: Any) -> tuple[int, ...]:
    """Ids that end a reply: the tokenizer's EOS, the generation config's, and the template's end-of-turn marks."""
    ids: list[int] = []
    if tokenizer.eos_token_id is not None:
        ids.append(int(tokenizer.eos_token_id))
    listed = getattr(generation, "eos_token_id", None)
    ids += [int(i) for i in (listed if isinstance(listed, list | tuple) else [listed] if listed is not None else [])]
    marks = ("<|im_end|>", "<end_of_turn>", "<|eot_id|>", "<|end|>", "<|endoftext|>", "</s>")
    vocabulary = tokenizer.get_vocab()
    ids += [vocabulary[mark] for mark in marks if mark in vocabulary]
    return tuple(dict.fromkeys(ids))


def turn_end(tokenizer: Any, stop_ids: Sequence[int]) -> str:
    """What ends a reply, as text: the mark that the template writes behind one, else the EOS; without a template a new
    line."""
    if tokenizer.chat_template is None:
        return "\n"
    marks = [str(tokenizer.decode([i])) for i in stop_ids]
    told = beginning(tokenizer, (Message("user", "Hello."), Message("assistant", "Xyzzy.")))
    behind = (told or "").rpartition("Xyzzy.")[2].lstrip()
    return next((mark for mark in marks if mark and behind.startswith(mark)), marks[0] if marks else "\n")

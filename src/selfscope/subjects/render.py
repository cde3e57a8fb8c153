"""From a prompt to exact token ids: template as text, one BOS, assistant prefix continued."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selfscope.records import Prompt

ROLES: Mapping[str, str] = {"system": "Instructions", "user": "User", "assistant": "Assistant"}


def render(tokenizer: Any, prompt: Prompt) -> tuple[int, ...]:
    """Token ids of a prompt.

    Messages are rendered by the chat template as text and then tokenised without special tokens: templates already
    write the BOS, and a second one changes every log-probability. A tokenizer without a template gets a plain
    transcript with the special tokens that it adds itself (Gemma without its BOS is useless: perplexity 554, not 9).
    """
    if prompt.ids is not None:
        return prompt.ids
    if prompt.text is not None:
        return tuple(tokenizer(prompt.text + prompt.prefix)["input_ids"])
    if tokenizer.chat_template is None:
        return tuple(tokenizer(transcript(prompt) + prompt.prefix)["input_ids"])
    messages = [{"role": m.role, "content": m.content} for m in prompt.messages]
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    return tuple(tokenizer(text + prompt.prefix, add_special_tokens=False)["input_ids"])


def transcript(prompt: Prompt) -> str:
    """A conversation as running text for a base model; a single user message stands alone."""
    if len(prompt.messages) == 1 and prompt.messages[0].role == "user":
        return prompt.messages[0].content + "\n"
    lines = [f"{ROLES.get(m.role, m.role)}: {m.content}\n\n" for m in prompt.messages]
    return "".join(lines) + "Assistant: "


def end_of_turn(tokenizer: Any, generation: Any) -> tuple[int, ...]:
    """Ids that end a reply: the tokenizer's EOS, the generation config's, and the template's end-of-turn marks."""
    found: list[int] = []
    if tokenizer.eos_token_id is not None:
        found.append(int(tokenizer.eos_token_id))
    listed = getattr(generation, "eos_token_id", None)
    found += [int(i) for i in (listed if isinstance(listed, list | tuple) else [listed] if listed is not None else [])]
    marks = ("<|im_end|>", "<end_of_turn>", "<|eot_id|>", "<|end|>", "<|endoftext|>", "</s>")
    vocabulary = tokenizer.get_vocab()
    found += [vocabulary[mark] for mark in marks if mark in vocabulary]
    return tuple(dict.fromkeys(found))

"""Which tokens of a masked prompt are hidden, under chat templates that each have their way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from masked_prompts import OBJECT, masked, secret_turns
from selfscope.errors import BadInput, Unsupported
from selfscope.records import NOTHING, Message, Prompt
from selfscope.subjects.render import render
from selfscope.subjects.sight import HIDDEN, PLAIN, SEEING, attention_mask, sight_of
from tiny import tokenizer

MARKED = (
    "{% for m in messages %}{% if loop.first and m.role != 'system' %}<|system|>Be kind.<|end|>\n{% endif %}"
    "<|{{ m.role }}|>{{ m.content }}<|end|>\n{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
"""Writes a system message of its own where there is none, as Qwen's and SmolLM2's do."""
BRACKETS = (
    "{{ bos_token }}{% for m in messages %}"
    "{% if m.role == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
    "{% if m.role == 'user' %}[A] {{ m.content | trim }} [B]{% else %} {{ m.content }}{{ eos_token }}{% endif %}"
    "{% endfor %}"
)
"""Knows no system role, trims, and has no mark of its own for where the assistant speaks, as Llama 2's."""
THINKING = (
    "{% for m in messages %}<|{{ m.role }}|>{% if m.role == 'assistant' and loop.last %}(thinks){% endif %}"
    "{{ m.content }}<|end|>\n{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
"""Writes the last reply in another way than the same one further up, as Qwen3's."""
TURNS = "<|user|>Name a colour.<|end|>\n<|assistant|>red<|end|>\n" * 2


def words(template: str | None = None) -> Any:
    made = tokenizer()
    made.chat_template = template or made.chat_template
    return made


def shown(words: Any, prompt: Prompt) -> tuple[str, str, str]:
    """Texts of what stands before the hidden tokens, of these, and of those that see them."""
    ids, sight = list(render(words, prompt)), sight_of(words, prompt)
    first = sight.hidden.start
    return tuple(words.decode(part) for part in (
        ids[:first], [ids[c] for c in sight.hidden], [ids[c] for c in sight.seeing]
    ))  # type: ignore[return-value]  # fmt: skip


@pytest.mark.parametrize(
    ("template", "drop_system", "before", "hidden"),
    [
        (None, False, "<|system|>Be brief.<|end|>\n", TURNS),
        (None, True, "", TURNS),
        (MARKED, False, "<|system|>Be brief.<|end|>\n", TURNS),
        (MARKED, True, "<|system|>Be kind.<|end|>\n", TURNS),
        (BRACKETS, True, "<s>", "[A] Name a colour. [B] red</s>" * 2),
        (BRACKETS, False, "<s>[A] Be brief.\n\n", "Name a colour. [B] red</s>[A] Name a colour. [B] red"),
        (THINKING, False, "<|system|>Be brief.<|end|>\n<|user|>", TURNS[len("<|user|>") : -len("<|end|>\n")]),
    ],
)
def test_the_turns_are_hidden_and_nothing_else(
    template: str | None, drop_system: bool, before: str, hidden: str
) -> None:
    prompt = masked()
    prompt = replace(prompt, messages=prompt.messages[1:]) if drop_system else prompt
    found = shown(words(template), prompt)
    assert found[:2] == (before, hidden)
    assert found[2].strip() == OBJECT
    assert shown(words(template), replace(prompt, masked=NOTHING)) == (before, hidden, "")


def test_the_last_occurrence_counts_and_has_to_stand_behind_the_turns() -> None:
    twice = Prompt(messages=(*secret_turns("red"), Message("user", f"{OBJECT} Again: {OBJECT}")), masked=OBJECT)
    sight = sight_of(words(), twice)
    assert len(words().decode(render(words(), twice)[sight.seeing[-1] + 1 :])) < len(OBJECT) + 20
    with pytest.raises(BadInput, match="does not stand behind the secret messages"):
        sight_of(words(), masked(text="Which one?"))
    with pytest.raises(BadInput, match="occurs 0 times"):
        sight_of(words(), masked(masked="a word that is not there"))


def test_a_template_that_trims_finds_the_text() -> None:
    padded = f"  {OBJECT}\n"
    prompt = Prompt(messages=(*secret_turns("red"), Message("user", padded)), masked=padded)
    assert shown(words(BRACKETS), prompt)[2].strip() == OBJECT


def test_a_template_that_drops_the_turns_is_refused() -> None:
    last = "{{ messages[-1].content }}"
    with pytest.raises(Unsupported, match="does not show where the secret messages"):
        sight_of(words(last), masked())


def test_the_mask_is_made_of_kinds() -> None:
    kinds = torch.tensor([[PLAIN, HIDDEN, HIDDEN, PLAIN, SEEING, PLAIN]])
    real = torch.tensor([[1, 1, 1, 1, 1, 0]])
    mask_TT = attention_mask(kinds, real, torch.float32)[0, 0]
    assert (mask_TT == 0).int().tolist() == [
        [1, 0, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0], [1, 1, 1, 0, 0, 0],
        [1, 0, 0, 1, 0, 0], [1, 1, 1, 1, 1, 0], [1, 0, 0, 1, 1, 1],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda: Prompt(messages=(Message("user", "x"),), masked="x"), "this has none: write Message\\(role, content"),
        (lambda: Prompt(text="x", masked="x"), "and this has none"),
        (lambda: Prompt(ids=(1,), masked=NOTHING), "and this has none"),
        (lambda: Prompt(messages=(Message("system", "x"), Message("user", "x")), masked="x"), "and this has none"),
        (
            lambda: Prompt(messages=(*secret_turns("a", 1), Message("user", "x"), *secret_turns("b", 1)), masked="x"),
            "stand together",
        ),
    ],
)
def test_a_mask_needs_secret_messages_that_stand_together(make: Any, line: str) -> None:
    with pytest.raises(BadInput, match=line) as error:
        make()
    assert "\n" not in str(error.value)

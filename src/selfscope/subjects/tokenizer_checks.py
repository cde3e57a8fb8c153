"""What a tokenizer and its chat template do to a prompt: BOS, roles, marks, and texts that can hold a place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from selfscope.records import Message, Prompt
from selfscope.subjects.chat_template import TemplateRefuses, written
from selfscope.subjects.render import render, rendered, spans

CANDIDATES = (" ?", " _", "_", " x", "x", " X", " ¶", " #", " *", " @", " ~", " …", " ...", "🔲")
"""Texts that are tried as placeholders: those of published readers, and rarer ones."""
RUN = 5
AROUND = (("Layer 3:\n", "\nWhat is this?"), ("Layer 3:", " What is this?"), ("Is it", " or not?"))
"""What stands before and behind a placeholder: merges with either show here."""
WORDS = "  Name a colour. "
DATED = ("strftime_now", "date_string")


@dataclass(frozen=True)
class Bos:
    """token: the tokenizer's BOS, if it has one. by_tokenizer: it puts one before a text. by_template: the template
    writes one. twice: tokenising what the template wrote with special tokens would give two (it is not done here).
    found: how many stand at the head of a prompt as it is given to the model here."""

    token: str | None
    by_tokenizer: bool
    by_template: bool
    twice: bool
    found: int


@dataclass(frozen=True)
class Template:
    """The chat template. system: it takes a system message. empty_system: tokens that an empty system message adds
    (negative: without one the template writes its own). thinking: it knows enable_thinking. generation: tokens with
    which it opens the reply. trims: it cuts spaces off a message. dated: what it writes changes with the day."""

    system: bool
    empty_system: int | None
    thinking: bool
    generation: int
    trims: bool
    dated: bool


@dataclass(frozen=True)
class Placeholder:
    """A text that may hold a place for a vector. id: its token, where it is one in every context that was tried.
    repeats: k of them are k tokens; else they merge and have to be written as ids."""

    text: str
    id: int | None
    repeats: bool

    @property
    def usable(self) -> bool:
        """One token in context, and k tokens when it stands k times."""
        return self.id is not None and self.repeats


def bos_of(tokenizer: Any) -> Bos:
    """Who writes the BOS, and how often it stands in a prompt."""
    token, mark = tokenizer.bos_token, tokenizer.bos_token_id
    alone = tokenizer("x")["input_ids"]
    prompt = Prompt(messages=(Message("user", "Hello."),))
    text, special = rendered(tokenizer, prompt)
    again = tokenizer(text)["input_ids"]
    by_template = not special and token is not None and text.startswith(token)
    return Bos(
        token,
        bool(alone) and mark is not None and alone[0] == mark,
        by_template,
        by_template and _leading(again, mark) > 1,
        _leading(render(tokenizer, prompt), mark),
    )


def _leading(ids: Any, mark: int | None) -> int:
    return next((k for k, i in enumerate(ids) if i != mark), len(ids))


def template_of(tokenizer: Any) -> Template | None:
    """What the chat template does; None where there is none."""
    source = tokenizer.chat_template
    if source is None:
        return None
    user = {"role": "user", "content": WORDS}
    plain = _written(tokenizer, [user]) or ""
    with_system = _written(tokenizer, [{"role": "system", "content": "Be brief."}, user])
    empty = _written(tokenizer, [{"role": "system", "content": ""}, user])
    closed = _written(tokenizer, [user], generation=False) or ""
    added = None if empty is None else _count(tokenizer, empty) - _count(tokenizer, plain)
    return Template(
        system=with_system is not None and "Be brief." in with_system,
        empty_system=added,
        thinking="enable_thinking" in str(source),
        generation=_count(tokenizer, plain) - _count(tokenizer, closed),
        trims=WORDS not in plain,
        dated=any(word in str(source) for word in DATED),
    )


def _count(tokenizer: Any, text: str) -> int:
    return len(tokenizer(text, add_special_tokens=False)["input_ids"])


def _written(tokenizer: Any, messages: list[dict[str, str]], *, generation: bool = True) -> str | None:
    """The conversation as text; None where the template refuses it."""
    try:
        return written(tokenizer, messages, generation=generation)
    except TemplateRefuses:
        return None


def placeholders(tokenizer: Any) -> tuple[Placeholder, ...]:
    """What becomes of each candidate in a prompt, alone and repeated."""
    return tuple(placeholder(tokenizer, text) for text in CANDIDATES)


def placeholder(tokenizer: Any, text: str, *, times: int = RUN) -> Placeholder:
    """What becomes of a text between others: one token of its own in every context, and `times` of them in a run."""
    single = [_tokens(tokenizer, before, text, 1, after) for before, after in AROUND]
    run = [_tokens(tokenizer, before, text, times, after) for before, after in AROUND]
    kinds = set(single)
    alone = len(kinds) == 1 and len(single[0]) == 1
    return Placeholder(text, single[0][0] if alone else None, alone and all(ids == single[0] * times for ids in run))


def _tokens(tokenizer: Any, before: str, text: str, times: int, after: str) -> tuple[int, ...]:
    """Ids of the tokens on a run, if they hold nothing beside it."""
    prompt = Prompt(messages=(Message("user", before + text * times + after),))
    full_text, offsets = spans(tokenizer, prompt)
    start = full_text.index(before + text * times + after) + len(before)
    stop = start + len(text * times)
    on = [(i, a, b) for i, (a, b) in zip(render(tokenizer, prompt), offsets) if a < stop and b > start and b > a]
    return tuple(i for i, _, _ in on) if all(a >= start and b <= stop for _, a, b in on) else ()

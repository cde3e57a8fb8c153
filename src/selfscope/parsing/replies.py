"""Reply text -> value: one strict grammar a format. What cannot be read gets its Outcome, never a default value."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from selfscope.parsing.assertions import asserted, bare, clauses, reply_text, turns
from selfscope.parsing.mentions import QUOTES, folded, form_of, value
from selfscope.records import Outcome, Reply

_REFUSAL = re.compile(
    r"\b(i(?:'m| am) sorry|i (?:can(?:no|')t|am unable|am not able|won't|will not|do not feel comfortable)"
    r"|i (?:don't|do not) (?:know|have (?:access|the ability|(?:enough|any) information|(?:a )?personal"
    r"|preferences|feelings))|decline to|i(?:'d| would) rather not|sorry, i won't"
    r"|as an ai\b.*\b(?:can(?:no|')t|do not|don't|unable|not able)|unable to (?:answer|predict|determine|provide)"
    r"|not able to (?:answer|predict|determine|provide)|cannot (?:be determined|predict|answer|provide)"
    r"|не могу (?:ответить|сказать)|ne peux pas|no puedo|kann (?:das |ich )?(?:leider )?nicht)"
    r"|无法|不能回答|抱歉|対不起|お答えできません|لا أستطيع",
    re.IGNORECASE | re.DOTALL,
)
_COUNT = re.compile(r"[:=]\s*\**(\d{1,9})(?:\s*(?:times|of 10|/\s*10))?[.,;*]*$")
_MARKER = re.compile(r"(?:\d{1,3}[.)]\s)?[-*•\s]*")
_PERCENT = re.compile(
    r"(\d{1,3}(?:[.,]\d+)?)\s*(%|per\s?cent)?(?:\s+(?:chance|probability|likelihood|likely|certain|sure))?"
)


@dataclass(frozen=True)
class Parsed:
    """What a reply says: `value` is None unless outcome is answered. lenient: a second reading that the strict
    grammar refuses (counts that do not sum to ten), kept apart."""

    outcome: Outcome
    value: tuple[float, ...] | None = None
    lenient: tuple[float, ...] | None = None


def parse_option(reply: Reply, texts: Sequence[str]) -> Parsed:
    """The one option that a reply asserts -> one-hot (K,) in the order of `texts`; see `assertions`."""
    index = asserted(reply.text, texts)
    if index is None or (reply.finish == "length" and _cut(reply.text, texts, index)):
        return _unread(reply)
    return Parsed(Outcome.ANSWERED, tuple(float(i == index) for i in range(len(texts))))


def parse_percent(reply: Reply) -> Parsed:
    """One number from 0 to 100, alone or behind words that lead to it -> (p,) with p in [0, 1].

    The scale is per cent: "1" is one per cent. A bare decimal of at most one ("0.7", "1.0") could be of either
    scale and is unreadable; "0.7%" is not. Ranges ("50-60 %"), fractions ("10/10"), other units, words, and two
    numbers without a word of correction between them are unreadable.
    """
    share = stated_percent(reply.text)
    return _unread(reply) if share is None else Parsed(Outcome.ANSWERED, (share,))


def parse_counts(reply: Reply, texts: Sequence[str], *, total: int = 10) -> Parsed:
    """A line "option: whole number" for each option -> (K,) frequencies.

    Each option at most once; options left out count as zero only if the rest sum to `total`. Another sum is
    unreadable, with the renormalised reading in `lenient`.
    """
    counts: dict[int, int] = {}
    form = form_of(texts)
    for line in _entries(form(reply.text)):
        match = _COUNT.search(line)
        index = _index(line[: match.start()], texts) if match else None
        if match is None or index is None:
            continue
        if index in counts:
            return _unread(reply)
        counts[index] = int(match[1])
    named = sum(counts.values())
    shares = tuple(counts.get(i, 0) / named for i in range(len(texts))) if named else None
    if shares is None:
        return _unread(reply)
    if named != total:
        return Parsed(_unread(reply).outcome, lenient=shares if len(counts) == len(texts) else None)
    return Parsed(Outcome.ANSWERED, shares)


def is_refusal(text: str) -> bool:
    """Whether a reply declines to answer, by fixed patterns."""
    return bool(_REFUSAL.search(text.replace("’", "'")))


def _unread(reply: Reply) -> Parsed:
    if reply.finish == "error":
        return Parsed(Outcome.ERROR)
    if reply.finish == "refused" or is_refusal(reply.text):
        return Parsed(Outcome.REFUSED)
    return Parsed(Outcome.TRUNCATED if reply.finish == "length" else Outcome.UNREADABLE)


def _cut(text: str, names: Sequence[str], index: int) -> bool:
    """Whether a reply ends, cut off, where a longer option would go on."""
    form = form_of(names)
    own = form(names[index])
    longer = any(form(name).startswith(own) for i, name in enumerate(names) if i != index)
    return longer and form(reply_text(text)).endswith(own)


def stated_percent(text: str) -> float | None:
    """The one probability that a reply states in per cent, from 0 to 1; None where it states none, or several."""
    stated: float | None = None
    turned = False
    for clause, question in clauses(re.sub(r"(?m)^\s*\d+[.)]\s+(?=[^\d\s])", "", folded(reply_text(text)))):
        turned = turned or turns(clause)
        match = None if question else _PERCENT.fullmatch(bare(clause))
        share = _share(match) if match else None
        if share is None:
            continue
        if stated is not None and share != stated and not turned:
            return None
        stated, turned = share, False
    return stated


def _share(match: re.Match[str]) -> float | None:
    number = value(match[1])
    if number is None or number > 100 or (not match[2] and not match[1].isdigit() and number <= 1):
        return None
    return number / 100


def _entries(text: str) -> list[str]:
    """The lines of a reply, and the parts between commas of lines that hold several counts."""
    out: list[str] = []
    for line in _lines(text):
        parts = re.split(r"[,;]\s+", line)
        out += parts if all(map(_COUNT.search, parts)) else [line]
    return out


def _lines(text: str) -> list[str]:
    return [line.strip() for line in reply_text(text).split("\n") if line.strip()]


def _index(name: str, texts: Sequence[str]) -> int | None:
    """Index of the one option that a name is, or None."""
    entry = _MARKER.sub("", name, count=1)
    for spelling in (name.strip(), entry.strip(), entry.strip(QUOTES + " "), bare(entry)):
        hits = [i for i, text in enumerate(texts) if spelling == form_of(texts)(text)]
        if len(hits) == 1:
            return hits[0]
    return None

"""Reply text -> value: one strict grammar a format. What cannot be read gets its Outcome, never a default value.

A grammar is anchored at the end of the reply: the last line that is not empty is the answer. Two different
admissible answers in one reply make it unreadable.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from selfscope.records import Outcome, Reply

_REFUSAL = re.compile(
    r"\b(i(?:'m| am) sorry|i (?:can(?:no|')t|am unable|am not able|won't|will not|do not feel comfortable)"
    r"|i (?:don't|do not) (?:know|have (?:access|the ability|(?:enough|any) information|(?:a )?personal|feelings))"
    r"|as an ai\b.*\b(?:can(?:no|')t|do not|don't|unable|not able)|unable to (?:answer|predict|determine|provide)"
    r"|not able to (?:answer|predict|determine|provide)|cannot (?:be determined|predict|answer|provide))",
    re.IGNORECASE | re.DOTALL,
)
_LEAD = re.compile(
    r"^(?:(?:my|the|the final|my final) (?:answer|choice) (?:is|would be)|i (?:would )?choose"
    r"|(?:the |my |the final |my final |final )?answer)(?:\s*[:=]\s*|\s+)",
    re.IGNORECASE,
)
_QUOTES = "\"'`*_“”‘’ \t"


@dataclass(frozen=True)
class Parsed:
    """What a reply says: `value` is None unless outcome is answered. lenient: a second reading that the strict
    grammar refuses (counts that do not sum to ten), kept apart."""

    outcome: Outcome
    value: tuple[float, ...] | None = None
    lenient: tuple[float, ...] | None = None


def parse_option(reply: Reply, texts: Sequence[str], *, letters: bool = False) -> Parsed:
    """One of the option texts alone on the last line -> one-hot (K,) in the order of `texts`.

    letters: "B", "(B)" or "B)" for the second option is admissible too (options were shown lettered).
    """
    lines = _lines(reply.text)
    indices = [_match(line, texts, letters) for line in lines]
    admissible = {f for f in indices if f is not None}
    if indices and indices[-1] is not None and len(admissible) == 1:
        return Parsed(Outcome.ANSWERED, tuple(float(i == indices[-1]) for i in range(len(texts))))
    return _unread(reply)


def parse_percent(reply: Reply) -> Parsed:
    """One number from 0 to 100 alone on the last line -> (p,) with p in [0, 1].

    The scale is per cent: "1" is one per cent. A bare decimal of at most one ("0.7", "1.0") could be of either
    scale and is unreadable; "0.7%" is not. Ranges ("50-60 %"), fractions ("10/10") and words are unreadable.
    """
    values = [_percent(line) for line in _lines(reply.text)]
    admissible = {v for v in values if v is not None}
    if values and values[-1] is not None and len(admissible) == 1:
        return Parsed(Outcome.ANSWERED, (values[-1],))
    return _unread(reply)


def parse_counts(reply: Reply, texts: Sequence[str], *, total: int = 10) -> Parsed:
    """A line "option: whole number" for each option -> (K,) frequencies.

    Each option at most once; options left out count as zero only if the rest sum to `total`. Another sum is
    unreadable, with the renormalised reading in `lenient`.
    """
    counts: dict[int, int] = {}
    for line in _lines(reply.text):
        match = re.fullmatch(r"[-*•\s]*(.+?)[\"'”`*]*\s*[:=]\s*[*]*(\d+)(?:\s*(?:times|of 10|/\s*10))?[.,;*]*", line)
        index = _match(match.group(1), texts, False) if match else None
        if match is None or index is None:
            continue
        if index in counts:
            return _unread(reply)
        counts[index] = int(match.group(2))
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


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().splitlines() if line.strip()]


def _bare(line: str) -> str:
    """The line without lead-in words, quotes, emphasis and a final full stop."""
    line = _LEAD.sub("", line.strip(_QUOTES)).strip(_QUOTES)
    return line[:-1].strip(_QUOTES) if len(line) > 1 and line[-1] in ".!" else line


def _match(line: str, texts: Sequence[str], letters: bool) -> int | None:
    """Index of the one option that the line is, or None."""
    for spelling in (line.strip(), _bare(line)):
        for fold in (str, str.casefold):
            hits = [i for i, text in enumerate(texts) if fold(spelling) == fold(text.strip())]
            if len(hits) == 1:
                return hits[0]
    if {text.strip().casefold() for text in texts} == {"yes", "no"}:
        match = re.match(r"(yes|no)[,.;:!]\s", _bare(line), re.IGNORECASE)  # "Yes, it does."
        if match and len(set(re.findall(r"\b(?:yes|no)\b", line.casefold()))) == 1:
            return [text.strip().casefold() for text in texts].index(match.group(1).casefold())
    if letters:
        match = re.fullmatch(r"\(?([A-Z])[).:]?", _bare(line))
        if match and ord(match.group(1)) - ord("A") < len(texts):
            return ord(match.group(1)) - ord("A")
    return None


def _percent(line: str) -> float | None:
    match = re.fullmatch(r"(\d{1,3}(?:\.\d+)?)\s*(%|per\s?cent)?", _bare(line), re.IGNORECASE)
    if match is None or float(match.group(1)) > 100:
        return None
    if "." in match.group(1) and float(match.group(1)) <= 1 and not match.group(2):
        return None
    return float(match.group(1)) / 100

"""Whether a reply says that it does not know, or passes: by its first sentence, by fixed patterns."""

from __future__ import annotations

import re

from selfscope.parsing.mentions import folded

_LEAD = (
    r"^\W*(?:(?:sorry|unfortunately|well|hm+|honestly|to be honest|answer|i(?:'m| am) (?:so )?sorry|but|as an ai)\W+)*"
)
_SURELY = r"(?:(?:really|honestly|just|simply|actually|certainly) )*"
_ENDS = (
    r"(?=\W*$|[.,;:!?]|\s*\n|\s+(?:the|that|this|it|its|what|which|who|whose|how|where|when|why|if|whether|for|of"
    r"|about|anything|enough|and|or)\b)"
)
"""What may stand behind a verb of knowing: a clause, or nothing. "I do not know a better one than Rome" names one."""
_UNKNOWN = re.compile(
    rf"{_LEAD}(?:i {_SURELY}(?:do not|don't|did not|didn't|cannot|can't|could not|couldn't) {_SURELY}"
    rf"(?:know|say|tell|recall|remember|answer)(?: for sure)?{_ENDS}"
    rf"|i(?: am|'m) {_SURELY}(?:not sure|unsure|not certain|uncertain|unaware|not aware|not familiar)\b"
    rf"|i(?: have|'ve) (?:absolutely )?(?:no idea|never heard)|no idea{_ENDS}|(?:unknown|not known){_ENDS}"
    r"|(?:the answer|it|that|this) (?:is|'s) (?:unknown|not known)(?: to me)?\b)"
)
_ANYWAY = re.compile(
    r"\bbut\b.*\b(?:think|believe|guess|suppose|say|would be|is|are|probably|perhaps|maybe|likely)\b"
    r"|\b(?:my (?:best )?guess|i (?:guess|think|believe))\b"
)
_PASS = re.compile(
    rf"{_LEAD}(?:i(?:'ll| will| would|'d)? (?:rather )?)?(?:choose to |have to |must )?(?:pass|skip)"
    r"(?: (?:on )?(?:this|it|that)(?: (?:one|question))?)?\W*(?:$|[.,;!?]|\n)"
)


def says_unknown(text: str) -> bool:
    """Whether a reply says that it does not know, and leaves it at that.

    Only how it begins counts. "I am not sure, but I think that it is Rome" gives an answer.
    """
    first = folded(text).strip().partition("\n")[0]
    return bool(_UNKNOWN.search(first)) and not _ANYWAY.search(first)


def passes_up(text: str) -> bool:
    """Whether a reply passes: by the word "pass" or "skip" and no more, or by saying that it does not know."""
    first = folded(text).strip().partition("\n")[0]
    return bool(_PASS.search(first)) or says_unknown(text)

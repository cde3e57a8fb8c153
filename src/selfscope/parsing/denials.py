"""Which words of a clause deny a name in it, and which only look so: "no doubt", "cannot live without", "not only".

Two words of denial of which one governs the other affirm. A comparison ("coffee over tea", "other than Paris") denies
what stands right behind it, unless it is denied itself; "over", "than", "to" and "without" deny nothing by themselves.
"""

from __future__ import annotations

import re

from selfscope.parsing.mentions import QUOTES

_WORD = r"(?:\s+(?!(?:and|or|nor|but|so|then)\b)[\w']+)"
_NOT = r"(?:\b(?:not|never|cannot|nobody|no one|none|nothing|hardly|scarcely|(?:impossible|hard) to)\b|\b\w+n't\b)"
_CANNOT = r"\b(?:cannot|can't|can not|couldn't|could not)"
_DENYING = r"(?:doubt\w*|deny|denie[ds]|denying|disput\w+)"
_CERTAIN = re.compile(
    r"(?:\bthere(?:'s|\s+is|\s+can\s+be)\s+)?\b(?:no|without|beyond|little)"
    r"(?:\s+(?:a|any|all|the|real|reasonable|possible|slightest|single|shadow|of))*"
    rf"\s+(?:{_DENYING}|question)\b(?!\s+about\b)(?:\s+(?:that|whatsoever|at\s+all)\b)*"
    rf"|{_NOT}{_WORD}{{0,3}}?\s+{_DENYING}\b(?:\s+that\b)?"
    r"|\b(?:none|no\s+one|nobody|nothing|no)\s+(?:(?:other|else|less)\s+than|short\s+of|but)\b"
    r"|\b(?:if|unless)\s+i(?:'m|\s+am)\s+(?:not\s+)?(?:mistaken|wrong)\b"
    r"|\b(?:kein|ohne)\s+zweifel\b|\bsans\s+(?:aucun\s+)?doute\b|\bsin\s+duda\b|毫无疑问|没错",
    re.IGNORECASE,
)
"""Idioms of certainty: what follows is asserted as if they were not there."""
_TWICE = re.compile(
    rf"(?:{_NOT}|\bno\b){_WORD}{{0,6}}?\s+without\b"
    rf"|{_NOT}{_WORD}{{0,3}}?\s+(?:wrong|mistaken|incorrect|untrue|unlikely|impossible|unreasonable|fail|forg[eo]t\w*"
    r"|hesitat\w+|refus\w+|reject\w*|resist\w*|rul\w+\s+out|give\s+up|turn\s+down|trade|miss|skip|say\s+no|disagree\w*|exclud\w+"
    r"|(?:anything|anyone)\s+(?:but|other\s+than)|not|\w+n't)\b"
    rf"|{_CANNOT}\s+(?:wait|help|get\s+enough|agree\s+more|be\s+(?:more|beat\w*|topped|overstated|\w+er)|stop)\b"
    r"|(?:\bnot|n't)\s+(?:only|just|merely|simply|solely|least|surprising\w*|unexpected\w*|hard|difficult|to\s+mention)\b"
    r"|\bwhy\s+not\b|\bnever\s+been\s+(?:so|more)\b|\ball\s+but\s+(?:certain|sure)\b"
    r"|\bnicht\s+nur\b|\bне\s+только\b|\bpas\s+seulement\b|不仅|不只",
    re.IGNORECASE,
)
"""What is no denial of what follows, and does not assert it either."""
_PLAIN = " indeed "
"""In the place of such words: none that leads to an answer."""
_BREAK = re.compile(r"\b(?:then|whereas|although|though|while)\b|\bso(?=\s+(?:i|i'\w+|it|it's|we|my|the|this)\b)")
_DENIAL = re.compile(
    r"\b(?:not|never|neither|nor|cannot|doubt|unlikely|hardly|scarcely|no\s+(?:way|longer)|by\s+no\s+means|far\s+from"
    r"|(?:none|nothing)\s+(?:of|about|in)\s+(?:this|that|it|these)"
    r"|не|ni|nicht|kein\w*|pas|δεν|ليس|ليست)\b|n't\b|不|没|非",
    re.IGNORECASE,
)
_NO = re.compile(r"\w\s+no\s+$|^\s*no\s+$", re.IGNORECASE)
_ASIDE = re.compile(
    r"(\bnot|n't|\bnever),\s+(?:in\s+fact|actually|really|i\s+(?:think|believe)|of\s+course|however|as\s+such|technically"
    r"|strictly\s+speaking|sadly|unfortunately),\s",
    re.IGNORECASE,
)
_COMPARED = re.compile(
    r"\b(?P<how>rather\s+than|instead\s+of|as\s+opposed\s+to|against|other\s+than|(?:anything|all|everything)\s+but"
    r"|(?:live|do|go|manage|survive|cope|off|fine|happy|happier)\s+without|over|than"
    r"|(?<=[\ue000-\ue0ff]\s)to)"
    r"(?:\s+(?!(?:i|we|it|is|was|are|and|or|nor|but|so|then)\b)[\w']+){0,3}\s*"
    rf"[{re.escape(QUOTES)}]*\s*$",
    re.IGNORECASE,
)
_PREFERS = re.compile(
    r"[\ue000-\ue0ff]|^\s*[\w']+\s*$"
    r"|\b(?:prefer\w*|rather|sooner|more|better|choose|pick|take|select|favou?r|like|love|want|\w{2,}er)\b",
    re.IGNORECASE,
)
_LESS = re.compile(r"\b(?:less|worse|fewer)\b\s*(?:\w+\s*)?$", re.IGNORECASE)
_REVERSED = re.compile(
    rf"{_NOT}|\bneither\b|\w\s+no\b|\bno\s+(?:other|better|\w+er|\w+\s+(?:is|comes))\b", re.IGNORECASE
)
_BEHIND = re.compile(
    r"\s*(?:(?:is|was|are|would be|seems?) (?:wrong|false|incorrect|not|out|ruled out|never)\b"
    r"|(?:(?:is|was|are) )?(?:\w+ )?(?:less|worse) (?:\w+ )?than\b"
    r"|isn't|wasn't|can't|cannot|ではな|じゃな|ではあり|नहीं)",
    re.IGNORECASE,
)
_RIGHT_BEFORE = re.compile(
    r"(?:\b(?:not|never|cannot|neither|nor|hardly|by\s+no\s+means|far\s+from)|n't|不是?|没|非)"
    r"(?:\s+(?:be|been|being|at\s+all|really|actually|quite|strictly|even|a|an|the)\b)*"
    rf"\s*[{re.escape(QUOTES)}]*\s*$"
    r"|(?:\bnot|n't)\s+(?:think|believe)\s+(?:that\s+)?(?:it|this|that|(?:the|this|that)\s+\w+)(?:'s|\s+is|\s+was)\s*$",
    re.IGNORECASE,
)


def without_asides(text: str) -> str:
    """A text in which a denial stands in one clause with what it denies: "not, in fact, true"."""
    return _ASIDE.sub(r"\1 ", text)


def affirming(clause: str) -> str:
    """A clause (names as signs of the private use area) without the words that look like a denial and are none."""
    return _TWICE.sub(_PLAIN, _CERTAIN.sub(" ", clause))


def denies(before: str, behind: str) -> bool:
    """Whether a clause denies a name, by what stands before and behind it; both went through `affirming`."""
    if _BEHIND.match(behind):
        return True
    before = _BREAK.split(before)[-1]
    compared = _COMPARED.search(before)
    if compared:
        head, how = before[: compared.start()], compared["how"].casefold()
        weak = {"to": "prefer" in head, "over": _PREFERS.search(head), "than": _PREFERS.search(head)}
        if weak.get(how, True) and not (how in weak and _LESS.search(head)):
            return not _REVERSED.search(head)
    return bool(_DENIAL.search(before) or _NO.search(before))


def denies_outright(before: str, behind: str) -> bool:
    """Whether the denial stands directly at the name ("not true", "true is wrong"), so that its contrary is said."""
    return bool(_BEHIND.match(behind) or _RIGHT_BEFORE.search(before))

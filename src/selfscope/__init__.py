"""Ask a language model about itself, and find out whether to believe the answer.

    import selfscope

    card = selfscope.card("phantom")          # ask, measure, judge; shows itself in a notebook
    card.rows.to_pandas()                     # every reading with its truth
    selfscope.ask("smollm2-135m", "Do you prefer tea or coffee?", options=("tea", "coffee"))
    subject = selfscope.load("smollm2-135m")  # one handle: sample, score, next_token, capture, unembed
    selfscope.doctor("smollm2-135m")          # what to know before its activations are read
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from selfscope.api.ask import Answers, ask
    from selfscope.api.card_set import Cards, cards
    from selfscope.api.cards import Card, card, redraw, run
    from selfscope.api.doctor import Doctor, doctor
    from selfscope.api.loading import load
    from selfscope.api.read_state import StateReading, read
    from selfscope.errors import SelfscopeError
    from selfscope.records import (
        Cost,
        Decoding,
        Evidence,
        Injection,
        Message,
        Observation,
        Option,
        Outcome,
        Prompt,
        Question,
        Reading,
        Reply,
        Row,
        Score,
        TokenDistribution,
        Trial,
        Truth,
        Vector,
    )
    from selfscope.store import Rows
    from selfscope.study import PhenomenonPlan, Study
    from selfscope.subjects.activations import Activations
    from selfscope.subjects.base import OpenSubject, ScoringSubject, Subject
    from selfscope.verdicts.claims import Claim

_RECORDS = (
    "Cost", "Decoding", "Evidence", "Injection", "Message", "Observation", "Option", "Outcome", "Prompt", "Question",
    "Reading", "Reply", "Row", "Score", "TokenDistribution", "Trial", "Truth", "Vector",
)  # fmt: skip
_WHERE = {
    "load": "selfscope.api.loading",
    "ask": "selfscope.api.ask",
    "Answers": "selfscope.api.ask",
    "card": "selfscope.api.cards",
    "run": "selfscope.api.cards",
    "redraw": "selfscope.api.cards",
    "Card": "selfscope.api.cards",
    "cards": "selfscope.api.card_set",
    "Cards": "selfscope.api.card_set",
    "read": "selfscope.api.read_state",
    "StateReading": "selfscope.api.read_state",
    "doctor": "selfscope.api.doctor",
    "Doctor": "selfscope.api.doctor",
    "Activations": "selfscope.subjects.activations",
    "Subject": "selfscope.subjects.base",
    "ScoringSubject": "selfscope.subjects.base",
    "OpenSubject": "selfscope.subjects.base",
    "Rows": "selfscope.store",
    "Study": "selfscope.study",
    "PhenomenonPlan": "selfscope.study",
    "Claim": "selfscope.verdicts.claims",
    "SelfscopeError": "selfscope.errors",
    **dict.fromkeys(_RECORDS, "selfscope.records"),
}

__all__ = [
    "Activations",
    "Answers",
    "Card",
    "Cards",
    "Claim",
    "Cost",
    "Decoding",
    "Doctor",
    "Evidence",
    "Injection",
    "Message",
    "Observation",
    "OpenSubject",
    "Option",
    "Outcome",
    "PhenomenonPlan",
    "Prompt",
    "Question",
    "Reading",
    "Reply",
    "Row",
    "Rows",
    "Score",
    "ScoringSubject",
    "SelfscopeError",
    "StateReading",
    "Study",
    "Subject",
    "TokenDistribution",
    "Trial",
    "Truth",
    "Vector",
    "ask",
    "card",
    "cards",
    "doctor",
    "load",
    "read",
    "redraw",
    "run",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"selfscope has no {name!r}; it offers {', '.join(__all__)}")
    return getattr(import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return __all__

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
    from selfscope.api.causal_edit import CausalEdit, causal_edit
    from selfscope.api.comparing import Comparison, compare
    from selfscope.api.decoders import FittedDecoder, fit_decoder
    from selfscope.api.doctor import Doctor, doctor
    from selfscope.api.fit import Fitted, fit
    from selfscope.api.loading import load
    from selfscope.api.own_rows import findings, judge, rows_of
    from selfscope.api.read_state import StateReading, read
    from selfscope.api.steer import Steered, steer
    from selfscope.api.sweeps import SweepArray, sweep
    from selfscope.controls.alarm import Alarm
    from selfscope.controls.arms import Arms
    from selfscope.controls.base import Control
    from selfscope.controls.competence import Competence
    from selfscope.controls.in_context import InContext
    from selfscope.controls.innocent import InnocentContext
    from selfscope.controls.masked import MaskedTurns
    from selfscope.controls.panel import YesBias
    from selfscope.controls.states import Changed, ChangedCompetence, Sham
    from selfscope.controls.sweep import Sweep
    from selfscope.controls.vector_state import VectorState
    from selfscope.controls.words import ContentFree, Framing, OptionOrder, Paraphrase, ScaleFlip, ThirdPerson
    from selfscope.errors import SelfscopeError
    from selfscope.phenomena.attribute_extraction import AttributeExtraction
    from selfscope.phenomena.base import Phenomenon
    from selfscope.phenomena.behavioural_self_awareness import BehaviouralSelfAwareness
    from selfscope.phenomena.branch_distribution import BranchDistribution
    from selfscope.phenomena.confidence import Confidence
    from selfscope.phenomena.current_or_past import CurrentOrPast
    from selfscope.phenomena.entity_resolution import EntityResolution
    from selfscope.phenomena.goals import Goals
    from selfscope.phenomena.hidden_context import HiddenContext
    from selfscope.phenomena.identity import Identity
    from selfscope.phenomena.injected_concept import InjectedConcept
    from selfscope.phenomena.items import Items
    from selfscope.phenomena.knowledge import Knowledge
    from selfscope.phenomena.lying import Lying
    from selfscope.phenomena.next_token_identity import NextTokenIdentity
    from selfscope.phenomena.own_choice import OwnChoice
    from selfscope.phenomena.programming_success import ProgrammingSuccess
    from selfscope.phenomena.resistance import Resistance
    from selfscope.phenomena.self_model import SelfModel
    from selfscope.phenomena.self_prediction import SelfPrediction
    from selfscope.phenomena.token_probability import TokenProbability
    from selfscope.phenomena.user_beliefs import UserBeliefs
    from selfscope.phenomena.user_treatment import UserTreatment
    from selfscope.readers.answer_logprob import AnswerLogprob
    from selfscope.readers.ask import Ask
    from selfscope.readers.base import Reader
    from selfscope.readers.behaviour_ceiling import BehaviourCeiling
    from selfscope.readers.centred_lens import CentredLens
    from selfscope.readers.covariates import Covariates
    from selfscope.readers.decoder import Decoder
    from selfscope.readers.few_shot import FewShot
    from selfscope.readers.history_baseline import HistoryBaseline
    from selfscope.readers.input_baseline import InputBaseline
    from selfscope.readers.logit_lens import LogitLens
    from selfscope.readers.other_behaviour import OtherBehaviour
    from selfscope.readers.other_model import OtherModel
    from selfscope.readers.patchscope import Patchscope, SelfIE
    from selfscope.readers.prior import Prior
    from selfscope.readers.probe import Probe
    from selfscope.readers.ridge_probe import RidgeProbe
    from selfscope.readers.surface_baseline import SurfaceBaseline
    from selfscope.readers.text_embedding import TextEmbedding
    from selfscope.readers.unrelated_questions import UnrelatedQuestions
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
    from selfscope.subjects.live_adapters import LoraShape
    from selfscope.training.bias_vector import BiasShape
    from selfscope.training.confessions import ConfessionLesson
    from selfscope.training.decoder_lesson import DecoderLesson
    from selfscope.training.schedule import Schedule
    from selfscope.training.states import StateLesson
    from selfscope.training.truths import TruthLesson
    from selfscope.training.turns import TurnLesson
    from selfscope.training.wishes import MovePlan, Wish
    from selfscope.verdicts.claims import Claim, Settle
    from selfscope.verdicts.findings import Findings

_RECORDS = (
    "Cost", "Decoding", "Evidence", "Injection", "Message", "Observation", "Option", "Outcome", "Prompt", "Question",
    "Reading", "Reply", "Row", "Score", "TokenDistribution", "Trial", "Truth", "Vector",
)  # fmt: skip
_SHIPPED = {
    "readers.ask": ("Ask",),
    "readers.few_shot": ("FewShot",),
    "readers.taught": ("Taught",),
    "readers.other_model": ("OtherModel",),
    "readers.prior": ("Prior",),
    "readers.input_baseline": ("InputBaseline",),
    "readers.history_baseline": ("HistoryBaseline",),
    "readers.behaviour_ceiling": ("BehaviourCeiling",),
    "readers.answer_logprob": ("AnswerLogprob",),
    "readers.covariates": ("Covariates",),
    "readers.other_behaviour": ("OtherBehaviour",),
    "readers.surface_baseline": ("SurfaceBaseline",),
    "readers.probe": ("Probe",),
    "readers.patchscope": ("Patchscope", "SelfIE"),
    "readers.logit_lens": ("LogitLens",),
    "readers.decoder": ("Decoder",),
    "readers.centred_lens": ("CentredLens",),
    "readers.ridge_probe": ("RidgeProbe",),
    "readers.text_embedding": ("TextEmbedding",),
    "readers.unrelated_questions": ("UnrelatedQuestions",),
    "phenomena.self_prediction": ("SelfPrediction",),
    "phenomena.branch_distribution": ("BranchDistribution",),
    "phenomena.token_probability": ("TokenProbability",),
    "phenomena.confidence": ("Confidence",),
    "phenomena.knowledge": ("Knowledge",),
    "phenomena.goals": ("Goals",),
    "phenomena.identity": ("Identity",),
    "phenomena.lying": ("Lying",),
    "phenomena.self_model": ("SelfModel",),
    "phenomena.behavioural_self_awareness": ("BehaviouralSelfAwareness",),
    "phenomena.items": ("Items",),
    "phenomena.own_choice": ("OwnChoice",),
    "phenomena.programming_success": ("ProgrammingSuccess",),
    "phenomena.user_beliefs": ("UserBeliefs",),
    "phenomena.resistance": ("Resistance",),
    "phenomena.user_treatment": ("UserTreatment",),
    "phenomena.hidden_context": ("HiddenContext",),
    "phenomena.entity_resolution": ("EntityResolution",),
    "phenomena.attribute_extraction": ("AttributeExtraction",),
    "phenomena.next_token_identity": ("NextTokenIdentity",),
    "phenomena.injected_concept": ("InjectedConcept",),
    "phenomena.current_or_past": ("CurrentOrPast",),
    "controls.words": ("ContentFree", "Framing", "OptionOrder", "Paraphrase", "ScaleFlip", "ThirdPerson"),
    "controls.masked": ("MaskedTurns",),
    "controls.states": ("Changed", "ChangedCompetence", "Sham"),
    "controls.competence": ("Competence",),
    "controls.panel": ("YesBias",),
    "controls.in_context": ("InContext",),
    "controls.innocent": ("InnocentContext",),
    "controls.vector_state": ("VectorState",),
    "controls.alarm": ("Alarm",),
    "controls.arms": ("Arms",),
    "controls.sweep": ("Sweep",),
    "training.states": ("StateLesson",),
    "training.truths": ("TruthLesson",),
    "training.decoder_lesson": ("DecoderLesson",),
    "training.turns": ("TurnLesson",),
    "training.confessions": ("ConfessionLesson",),
    "training.bias_vector": ("BiasShape",),
    "training.schedule": ("Schedule",),
    "training.wishes": ("MovePlan", "Wish"),
    "subjects.live_adapters": ("LoraShape",),
}
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
    "causal_edit": "selfscope.api.causal_edit",
    "CausalEdit": "selfscope.api.causal_edit",
    "compare": "selfscope.api.comparing",
    "Comparison": "selfscope.api.comparing",
    "doctor": "selfscope.api.doctor",
    "fit": "selfscope.api.fit",
    "Fitted": "selfscope.api.fit",
    "elicit": "selfscope.api.elicit",
    "Elicitation": "selfscope.api.elicitation",
    "audit": "selfscope.api.audit",
    "Audit": "selfscope.api.audit_findings",
    "fit_decoder": "selfscope.api.decoders",
    "FittedDecoder": "selfscope.api.decoders",
    "Doctor": "selfscope.api.doctor",
    "Activations": "selfscope.subjects.activations",
    "Subject": "selfscope.subjects.base",
    "ScoringSubject": "selfscope.subjects.base",
    "OpenSubject": "selfscope.subjects.base",
    "Rows": "selfscope.store",
    "Study": "selfscope.study",
    "PhenomenonPlan": "selfscope.study",
    "Claim": "selfscope.verdicts.claims",
    "Settle": "selfscope.verdicts.claims",
    "SelfscopeError": "selfscope.errors",
    "Findings": "selfscope.verdicts.findings",
    "findings": "selfscope.api.own_rows",
    "judge": "selfscope.api.own_rows",
    "rows_of": "selfscope.api.own_rows",
    "steer": "selfscope.api.steer",
    "Steered": "selfscope.api.steer",
    "sweep": "selfscope.api.sweeps",
    "SweepArray": "selfscope.api.sweeps",
    "Reader": "selfscope.readers.base",
    "Phenomenon": "selfscope.phenomena.base",
    "Control": "selfscope.controls.base",
    **{name: f"selfscope.{module}" for module, names in _SHIPPED.items() for name in names},
    **dict.fromkeys(_RECORDS, "selfscope.records"),
}

__all__ = [
    "Activations", "Alarm", "AnswerLogprob", "Answers", "Arms", "Ask", "AttributeExtraction", "Audit",
    "BehaviourCeiling", "BehaviouralSelfAwareness", "BiasShape", "BranchDistribution", "Card", "Cards",
    "CausalEdit", "CentredLens", "Changed", "ChangedCompetence", "Claim", "Comparison", "Competence",
    "ConfessionLesson", "Confidence", "ContentFree", "Control", "Cost", "Covariates", "CurrentOrPast", "Decoder",
    "DecoderLesson", "Decoding", "Doctor", "Elicitation", "EntityResolution", "Evidence", "FewShot", "Findings",
    "Fitted", "FittedDecoder", "Framing", "Goals", "HiddenContext", "HistoryBaseline", "Identity", "InContext",
    "InjectedConcept", "Injection", "InnocentContext", "InputBaseline", "Items", "Knowledge", "LogitLens",
    "LoraShape", "Lying", "MaskedTurns", "Message", "MovePlan", "NextTokenIdentity", "Observation", "OpenSubject",
    "Option", "OptionOrder", "OtherBehaviour", "OtherModel", "Outcome", "OwnChoice", "Paraphrase", "Patchscope",
    "Phenomenon", "PhenomenonPlan", "Prior", "Probe", "ProgrammingSuccess", "Prompt", "Question", "Reader",
    "Reading", "Reply", "Resistance", "RidgeProbe", "Row", "Rows", "ScaleFlip", "Schedule", "Score",
    "ScoringSubject", "SelfIE", "SelfModel", "SelfPrediction", "SelfscopeError", "Settle", "Sham", "StateLesson",
    "StateReading", "Steered", "Study", "Subject", "SurfaceBaseline", "Sweep", "SweepArray", "Taught",
    "TextEmbedding", "ThirdPerson", "TokenDistribution", "TokenProbability", "Trial", "Truth", "TruthLesson",
    "TurnLesson", "UnrelatedQuestions", "UserBeliefs", "UserTreatment", "Vector", "VectorState", "Wish", "YesBias",
    "ask", "audit", "card", "cards", "causal_edit", "compare", "doctor", "elicit", "findings", "fit", "fit_decoder",
    "judge", "load", "read", "redraw", "rows_of", "run", "steer", "sweep",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"selfscope has no {name!r}; it offers {', '.join(__all__)}")
    return getattr(import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return __all__

"""Names -> "module:object": what can be asked for by a word. A user's own "module:object" works in the same places."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

from selfscope.errors import UnknownName

CATALOGUE: dict[str, dict[str, str]] = {
    "phenomenon": {
        "self_prediction": "selfscope.phenomena.self_prediction:SelfPrediction",
        "branch_distribution": "selfscope.phenomena.branch_distribution:BranchDistribution",
        "token_probability": "selfscope.phenomena.token_probability:TokenProbability",
        "confidence": "selfscope.phenomena.confidence:Confidence",
        "knowledge": "selfscope.phenomena.knowledge:Knowledge",
        "identity": "selfscope.phenomena.identity:Identity",
        "lying": "selfscope.phenomena.lying:Lying",
        "self_model": "selfscope.phenomena.self_model:SelfModel",
        "programming_success": "selfscope.phenomena.programming_success:ProgrammingSuccess",
        "own_choice": "selfscope.phenomena.own_choice:OwnChoice",
        "goals": "selfscope.phenomena.goals:Goals",
        "current_or_past": "selfscope.phenomena.current_or_past:CurrentOrPast",
        "behavioural_self_awareness": "selfscope.phenomena.behavioural_self_awareness:BehaviouralSelfAwareness",
        "user_beliefs": "selfscope.phenomena.user_beliefs:UserBeliefs",
        "user_treatment": "selfscope.phenomena.user_treatment:UserTreatment",
        "resistance": "selfscope.phenomena.resistance:Resistance",
        "items": "selfscope.phenomena.items:Items",
        "injected_concept": "selfscope.phenomena.injected_concept:InjectedConcept",
        "hidden_context": "selfscope.phenomena.hidden_context:HiddenContext",
        "entity_resolution": "selfscope.phenomena.entity_resolution:EntityResolution",
        "attribute_extraction": "selfscope.phenomena.attribute_extraction:AttributeExtraction",
        "next_token_identity": "selfscope.phenomena.next_token_identity:NextTokenIdentity",
    },
    "reader": {
        "prior": "selfscope.readers.prior:Prior",
        "input_baseline": "selfscope.readers.input_baseline:InputBaseline",
        "history_baseline": "selfscope.readers.history_baseline:HistoryBaseline",
        "surface_baseline": "selfscope.readers.surface_baseline:SurfaceBaseline",
        "shared_words": "selfscope.readers.shared_words:SharedWords",
        "ask": "selfscope.readers.ask:Ask",
        "few_shot": "selfscope.readers.few_shot:FewShot",
        "taught": "selfscope.readers.taught:Taught",
        "other_model": "selfscope.readers.other_model:OtherModel",
        "other_behaviour": "selfscope.readers.other_behaviour:OtherBehaviour",
        "behaviour_ceiling": "selfscope.readers.behaviour_ceiling:BehaviourCeiling",
        "answer_logprob": "selfscope.readers.answer_logprob:AnswerLogprob",
        "unrelated_questions": "selfscope.readers.unrelated_questions:UnrelatedQuestions",
        "covariates": "selfscope.readers.covariates:Covariates",
        "probe": "selfscope.readers.probe:Probe",
        "patchscope": "selfscope.readers.patchscope:Patchscope",
        "selfie": "selfscope.readers.patchscope:SelfIE",
        "logit_lens": "selfscope.readers.logit_lens:LogitLens",
        "decoder": "selfscope.readers.decoder:Decoder",
        "centred_lens": "selfscope.readers.centred_lens:CentredLens",
        "ridge_probe": "selfscope.readers.ridge_probe:RidgeProbe",
        "text_embedding": "selfscope.readers.text_embedding:TextEmbedding",
    },
    "control": {
        "third_person": "selfscope.controls.words:ThirdPerson",
        "framing": "selfscope.controls.words:Framing",
        "paraphrase": "selfscope.controls.words:Paraphrase",
        "option_order": "selfscope.controls.words:OptionOrder",
        "scale_flip": "selfscope.controls.words:ScaleFlip",
        "content_free": "selfscope.controls.words:ContentFree",
        "competence": "selfscope.controls.competence:Competence",
        "yes_bias": "selfscope.controls.panel:YesBias",
        "changed": "selfscope.controls.states:Changed",
        "sham": "selfscope.controls.states:Sham",
        "masked_turns": "selfscope.controls.masked:MaskedTurns",
        "changed_competence": "selfscope.controls.states:ChangedCompetence",
        "vector_state": "selfscope.controls.vector_state:VectorState",
        "alarm": "selfscope.controls.alarm:Alarm",
        "in_context": "selfscope.controls.in_context:InContext",
        "innocent_context": "selfscope.controls.innocent:InnocentContext",
        "arms": "selfscope.controls.arms:Arms",
        "sweep": "selfscope.controls.sweep:Sweep",
    },
    "lesson": {
        "states": "selfscope.training.states:StateLesson",
        "truths": "selfscope.training.truths:TruthLesson",
        "injections": "selfscope.training.injections:InjectionLesson",
        "turns": "selfscope.training.turns:TurnLesson",
        "confessions": "selfscope.training.confessions:ConfessionLesson",
    },
    "decoder": {
        "decoder": "selfscope.training.decoder_lesson:DecoderLesson",
    },
    "organism": {
        "habit": "selfscope.organisms.habit:Habit",
        "secret_word": "selfscope.organisms.secret_word:SecretWord",
        "identity": "selfscope.organisms.identity:Identity",
        "goal": "selfscope.organisms.goal:Goal",
        "weights": "selfscope.organisms.weights:Weights",
        "backdoor": "selfscope.organisms.backdoor:Backdoor",
        "order": "selfscope.organisms.order:Order",
        "favourite": "selfscope.organisms.favourite:Favourite",
        "treatment": "selfscope.organisms.treatment:Treatment",
        "liar": "selfscope.organisms.liar:Liar",
        "vector_trait": "selfscope.organisms.vector_trait:VectorTrait",
    },
    "subject": {
        "phantom": "selfscope.subjects.phantom:Phantom",
        "open-phantom": "selfscope.subjects.open_phantom:OpenPhantom",
        "local": "selfscope.subjects.local:load",
        "api": "selfscope.subjects.chat_server:load_api",
    },
}
PHENOMENA = ("self_prediction", "branch_distribution", "token_probability", "confidence")
"""What a card asks about unless told otherwise, in the order in which it is shown."""
FURTHER = ("knowledge", "identity", "self_model")
"""What a full study asks beside those."""
USERS = ("user_treatment", "user_beliefs")
"""What a full card asks about the user besides, of whatever access."""
WISHES = ("goals", "resistance")
"""What a full card asks about its own wishes."""
INSIDE = (
    "hidden_context", "entity_resolution", "attribute_extraction", "next_token_identity", "injected_concept",
)  # fmt: skip
"""What can be asked of a subject whose activations can be read and written."""


def names(kind: str) -> list[str]:
    """The names of a kind, in the order in which they are shown."""
    return list(CATALOGUE[kind])


def resolve(kind: str, name: str) -> Any:
    """The object behind a name, or behind a user's own "module:object" (the working directory is searched too).

    Raises UnknownName, with what exists and the nearest name.
    """
    known = CATALOGUE[kind]
    if name in known:
        return _load(known[name])
    if ":" not in name:
        raise UnknownName(kind, name, known, 'Your own goes in as "module:object".')
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    module = name.split(":", 1)[0]
    try:
        return _load(name)
    except ModuleNotFoundError as error:
        if error.name is not None and not f"{module}.".startswith(f"{error.name}."):
            raise  # the module exists; one that it imports does not
        raise UnknownName(kind, module, known, f"There is no module {module!r} on the path.") from None
    except AttributeError:
        raise UnknownName(kind, name, known, f"The module {module!r} has no {name.split(':', 1)[1]!r}.") from None


def _load(target: str) -> Any:
    module, _, attribute = target.partition(":")
    thing: Any = importlib.import_module(module)
    for part in attribute.split("."):
        thing = getattr(thing, part)
    return thing

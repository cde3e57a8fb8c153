"""Plain words for the project's codes: verdicts, reasons, rungs, readers, controls, phenomena. An unknown code is
shown as it is: a user's own phenomenon or reader needs no entry here."""

from __future__ import annotations

import re

PHENOMENA = {
    "self_prediction": ("Own answers", "Which property would its own answer have?"),
    "branch_distribution": ("Branches", "From this exact point, how would ten independent continuations end?"),
    "token_probability": ("Word probabilities", "How likely is this next word, by its own reckoning?"),
    "confidence": ("Confidence", "Will it get this right, and is this answer right?"),
    "items": ("Your questions", "The items that were given on the command line."),
    "hidden_context": ("Hidden context", "What do its instructions hold, read where no token says so?"),
    "entity_resolution": ("Entities", "What is the thing that the last token of its name stands for?"),
    "attribute_extraction": ("Attributes", "Does the token of a name already hold a fact about it?"),
    "next_token_identity": ("Next word", "Which word will it say, read from an earlier layer?"),
    "injected_concept": ("Injected concepts", "Something is written into its stream: where, how much, what?"),
}

VERDICTS = {  # verdict -> what a reader of the card may conclude, one line
    "access": "the report follows the model's own state",
    "alarm only": "it notices that something changed, and cannot say what",
    "narrative": "said with confidence, not moved by the state that it speaks of",
    "self-prediction": "what anyone with the same history or the same text could say",
    "not supported": "the evidence does not carry a claim, either way",
}

RUNGS = {
    "prior": "says the same of every item",
    "input": "input: sees the text, never this model",
    "history": "history: text and this model's past",
    "twin": "near twin",
    "ablated": "itself without the state",
    "self": "the model, asked",
    "probe": "probe of its activations",
    "behaviour": "ceiling: it acts instead of telling",
}

SHARES = {  # share -> (name, colour of the observer that it belongs to, one line)
    "a": ("private", "self", "follows its own state"),
    "public": ("public", "history", "follows its history or the text"),
    "b": ("habit", "history", "follows its history"),
    "g": ("input", "input", "follows the text"),
    "y": ("format", "format", "follows position or “yes”"),
    "c": ("unmoved", "prior", "follows none of these"),
}

FORMATS = {
    "choice_lp": "option probabilities",
    "yesno_lp": "yes/no probabilities",
    "free": "in its own words",
    "prob_text": "states a probability",
    "prob_ev": "expected stated number",
    "counts10": "counts out of ten",
}

SLOTS = {
    "identity": "token identity",
    "description": "entity description",
    "attribute": "attribute extraction",
    "question": "the question put to it",
}

CONTROLS = {
    "third_person": "asked about a typical assistant",
    "third_person_named": "asked about a named other model",
    "framing_introspective": "told that it can introspect",
    "framing_accurate": "told that its reports are accurate",
    "paraphrase": "other wording",
    "option_order": "options in another order",
    "scale_flip": "negated wording",
    "competence": "property of a given string",
    "yes_bias": "yes-bias panel",
    "changed": "behaviour changed by a hidden prompt",
    "sham": "irrelevant hidden prompt",
    "changed_competence": "control question, changed state",
    "shuffled": "reports re-paired at random",
    "plain": "plain",
}

REASONS = {
    "undecided": "too few items to tell",
    "too few clusters": "too few clusters",
    "format not crossed": "answer positions were not crossed",
    "control missing": "a required control is missing",
    "control failed": "a required control failed",
    "no private variation": "nothing private to have access to",
    "format": "answers follow their position",
}

STATUS = {"passed": "✓", "failed": "✕", "missing": "○"}

_BRACKET = re.compile(r"^(?P<name>[\w.:-]+)\[(?P<inner>.*)\]$")


def title(phenomenon: str) -> str:
    return PHENOMENA.get(phenomenon, (sentence_case(phenomenon), ""))[0]


def sentence_case(code: str) -> str:
    words = code.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def control(code: str) -> str:
    return CONTROLS.get(code, code.replace("_", " "))


def reason(code: str | None) -> str:
    """A reason code in words; "control missing: near twin" keeps the name behind the colon."""
    kind, colon, rest = (code or "").partition(": ")
    if colon and kind in REASONS:
        return f"{REASONS[kind]}: {rest}"
    return REASONS.get(code or "", (code or "").replace("_", " "))


def reader(identifier: str) -> str:
    """A reader id in words: "few_shot[k=4,choice_lp]" -> "asked, shown 4 examples (option probabilities)"."""
    fixed = {
        "prior": "base rate",
        "history_baseline": "linear model of its history",
        "input_baseline": "linear model of the text",
        "behaviour_ceiling": "its own behaviour",
        "logit_lens": "logit lens",
        "selfie[summary]": "SelfIE",
    }
    if identifier in fixed:
        return fixed[identifier]
    match = _BRACKET.match(identifier)
    if not match:
        return identifier.replace("_", " ")
    parts = [p.strip() for p in match["inner"].split(",") if p.strip()]
    k = next((p[2:] for p in parts if p.startswith("k=")), None)
    known = [FORMATS[p] for p in parts if p in FORMATS]
    how = f" ({known[0]})" if known else ""
    if match["name"] == "ask":
        return f"asked{how}"
    if match["name"] == "input_baseline":
        return f"{fixed['input_baseline']} ({match['inner']})"
    if match["name"] == "patchscope":
        return f"patchscope, {SLOTS.get(match['inner'], match['inner'])}"
    if match["name"] == "probe":
        return "linear probe" + (", labels permuted" if "permuted" in parts else "")
    if match["name"] == "few_shot":
        return f"asked, shown {k} examples{how}"
    if match["name"] == "other_model":
        seen = "not told about it" if k in (None, "0") else f"shown {k} examples of it"
        return f"{parts[0]}, {seen}"
    return identifier


def short(identifier: str) -> str:
    """A reader id in one or two words, for the head of a narrow column."""
    fixed = {
        "prior": "base rate",
        "history_baseline": "history",
        "input_baseline": "text alone",
        "behaviour_ceiling": "behaviour",
    }
    match = _BRACKET.match(identifier)
    if match and match["name"] == "other_model":
        return match["inner"].split(",")[0].strip()
    return fixed.get(identifier, reader(identifier))

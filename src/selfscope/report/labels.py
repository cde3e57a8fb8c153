"""Plain words for the project's codes: verdicts, reasons, rungs, shares; and for the parts of a study, which say
themselves what they are called. An unknown code is shown as it is."""

from __future__ import annotations

from dataclasses import dataclass

from selfscope.records import Parts

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

SHARES = {  # share -> (colour of the observer that it belongs to, one line)
    "private": ("self", "follows its own state"),
    "public": ("history", "follows its history or the text"),
    "habit": ("history", "follows its history"),
    "input": ("input", "follows the text"),
    "format": ("format", "follows position or “yes”"),
    "unmoved": ("prior", "follows none of these"),
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


def sentence_case(code: str) -> str:
    words = code.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def reason(code: str | None) -> str:
    """A reason code in words; "control missing: near twin" keeps the name behind the colon."""
    kind, colon, rest = (code or "").partition(": ")
    if colon and kind in REASONS:
        return f"{REASONS[kind]}: {rest}"
    return REASONS.get(code or "", (code or "").replace("_", " "))


@dataclass(frozen=True)
class Labels:
    """What the parts of a study are called. An id that no part has is shown as it is."""

    parts: Parts

    def reader(self, name: str) -> str:
        """A reader in words: "asked, shown 4 examples (option probabilities)"."""
        part = self.parts.readers.get(name)
        return part.title if part else name.replace("_", " ")

    def short(self, name: str) -> str:
        """A reader in one or two words, for the head of a narrow column."""
        part = self.parts.readers.get(name)
        return part.short if part else name.replace("_", " ")

    def control(self, name: str) -> str:
        part = self.parts.controls.get(name)
        return part.title if part else name.replace("_", " ")

    def arm(self, name: str) -> str:
        """What stands in the place of the vector, as the control says that put it there."""
        arms = {k: v for c in self.parts.in_role("arm") for k, v in self.parts.controls[c].conditions.items()}
        return arms.get(name, name)

    def phenomenon(self, name: str) -> str:
        part = self.parts.phenomena.get(name)
        return part.title if part else sentence_case(name)

    def asks(self, name: str) -> str:
        """The question that a phenomenon asks, "" where nobody says it."""
        part = self.parts.phenomena.get(name)
        return part.asks if part else ""

    def place(self, phenomenon: str) -> int:
        """Where a phenomenon stands in the study's order, behind all where it is not known."""
        known = list(self.parts.phenomena)
        return known.index(phenomenon) if phenomenon in known else len(known)

"""Plain words for the project's codes: verdicts, reasons, rungs, shares; and for the parts of a study, which say
themselves what they are called. An unknown code is shown as it is."""

from __future__ import annotations

from dataclasses import dataclass

from selfscope.records import Parts

VERDICTS = {  # verdict -> what the report is, at first reading; and what may be concluded, one line
    "access": ("reads its own state", "it moves along when its own state is changed, or beats itself without it"),
    "reads the changed text": (
        "reads the changed text",
        "it moves with the change, and so does what it says of anybody: whoever reads that text could say it",
    ),
    "follows its context": (
        "follows its context",
        "it goes along where hidden turns change what it does; it can read those turns, so this is no access",
    ),
    "alarm only": ("notices a change, not which", "it says that something was changed, and cannot say what"),
    "narrative": ("made up", "it follows nothing that was measured, and is surer than it is right"),
    "self-prediction": ("anyone could say it", "whoever reads the question or knows its past could have said it"),
    "prior-like": ("always the same", "it says the same whatever is asked about, and is no surer than it is right"),
    "format": ("a habit of form", "it goes by the place of an answer, or by the word “yes”"),
    "copies its context": ("copies its context", "it repeats an answer that stands in its context, whatever it does"),
    "not supported": ("open", "the evidence carries no claim, either way; what is known and what is lacking stand by"),
}
BEYOND = "beyond the rivals tried"
"""What access by comparison alone is called: no proof."""
NOT_ITS_STATE = "not its state, the rest open"
"""What is called open where a changed state leaves the report alone."""

RUNGS = {
    "prior": "says the same of every item",
    "input": "input: sees the text, never this model",
    "history": "history: text and this model's past",
    "twin": "near twin",
    "ablated": "itself without the state",
    "self": "the model, asked",
    "probe": "learnt from its activations or its answers",
    "behaviour": "ceiling: it acts instead of telling",
}

INSIDE = "inside: what it computes, and not what it says"
"""Of a reader that asks nothing, whatever its rung."""

SHARES = {  # share -> (colour, what the report follows, one line)
    "private": ("self", "its own state", "what it does on this very item, beyond what anybody could know"),
    "tracking": ("tracking", "what it does", "goes with what it then does, by whatever route"),
    "public": ("history", "what anyone could say", "habit and text together: for who knows its past or reads the text"),
    "habit": ("history", "its habit", "what someone would say who knows its past"),
    "input": ("input", "the text", "what someone would say who merely reads the text"),
    "format": ("format", "the form", "the place of an answer, or the word “yes”"),
    "unmoved": ("prior", "nothing measured", "follows none of these"),
}
OF_SPLIT = {
    "pooled": {"unmoved": "neither"},
    "tracking": {"tracking": "what it does, by any route", "unmoved": "the rest"},
}
"""Split -> share -> what it is called there: a smaller split leaves together what the full one would tell apart."""
SPLITS = {
    "full": "split into its own state, habit, text and form",
    "pooled": "split with one public forecast; a habit that it misses counts as what it does",
    "tracking": "split only into what goes with what it does, and the rest",
}
KNOWS = {  # rung of a rival -> who could have said it
    "prior": "who knows only how often each answer is right",
    "input": "who merely reads the text",
    "history": "who knows its past",
    "twin": "with a near twin of it",
}

REASONS = {
    "undecided": "the evidence does not decide",
    "too few clusters": "too few groups of items",
    "too few items": "nothing to estimate from",
    "too many non-answers": "too many questions without an answer",
    "parse rates differ": "it answers less often under one condition",
    "format not crossed": "answer positions were not crossed",
    "control missing": "a required control was not run",
    "control failed": "a required control failed",
    "no private variation": "nothing private to have access to",
    "rivals and truth cannot be told apart": "rivals and truth move together",
}
LACKS = {  # name of a control -> what a newcomer reads is lacking
    "hidden state": "a change of its state that it cannot read as text",
    "input rival": "a forecast by another model, which never saw what this one does",
    "near twin": "a forecast by a near twin: the same habits, its own states",
    "history rival": "a forecast by who learnt its past",
    "changed state": "a changed state",
    "third person": "the same asked of somebody else",
    "same words": "the same words asked of something else",
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

    def rung(self, reader: str, rung: str) -> str:
        """What a reader is to a report."""
        part = self.parts.readers.get(reader)
        return INSIDE if part is not None and part.inside else RUNGS.get(rung, rung)

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

    def event(self, phenomenon: str, quantity: str) -> str:
        """When or of what a question on success is asked."""
        part = self.parts.phenomena.get(phenomenon)
        return part.events.get(quantity, quantity) if part else quantity

    def place(self, phenomenon: str) -> int:
        """Where a phenomenon stands in the study's order, behind all where it is not known."""
        known = list(self.parts.phenomena)
        return known.index(phenomenon) if phenomenon in known else len(known)

"""Target prompts with a slot for a vector, and the same prompts with words in its place.

Sources: Patchscopes (Ghandeharioun et al. 2024: token identity, entity description, attribute extraction) and SelfIE
(Chen et al. 2024: several placeholders, an assistant beginning that promises to summarise).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from selfscope.records import Message, Prompt, Trial
from selfscope.wording.prompts import PREFIX, question_text

TEMPLATES = ("identity", "description", "attribute", "question", "summary")
IDENTITY = "cat -> cat\n1135 -> 1135\nhello -> hello\n{slot}"
IDENTITY_SLOT = "?"
DESCRIPTION = (
    "Syria: Country in the Middle East, Leonardo DiCaprio: American actor, Samsung: South Korean multinational major "
    "appliance and consumer electronics corporation, {slot}"
)
QUESTION = '{question}\nMessage: "{slot}"'
SUMMARY = '{question}\n"{slot}"'
SUMMARY_LEAD = "Sure, I will summarize the message. "
SLOTS = (" x", " X", " ?", " _", " #", " ~")
"""Placeholders to choose from: one token each in most vocabularies."""


@dataclass(frozen=True)
class TargetPrompt:
    """A target prompt. placeholder: what the vector replaces, `count` times in a row at the end of `before`; words:
    the options' texts to score behind it, "" where an answer is open."""

    prompt: Prompt
    placeholder: str
    count: int
    words: tuple[str, ...]


def target_prompt(
    trial: Trial,
    template: str,
    *,
    chat: bool,
    placeholder: str = " x",
    count: int = 1,
    filling: str | None = None,
    open: bool = False,
) -> TargetPrompt:
    """The target prompt of a trial. filling: words in the place of the slot (the text-only rival). open: the
    question without its options.

    Raises ValueError for an unknown template, and where the placeholder occurs in the question."""
    if template not in TEMPLATES:
        raise ValueError(f"there is no template {template!r}; there are: {', '.join(TEMPLATES)}")
    options = tuple(o.text.strip() for o in trial.question.options)
    if template == "identity":
        slot = IDENTITY_SLOT if filling is None else filling.strip()
        return TargetPrompt(Prompt(text=IDENTITY.format(slot=slot)), IDENTITY_SLOT, 1, tuple(f" {o}" for o in options))
    stood = (placeholder * count).strip() if filling is None else filling.strip()
    if template == "description":
        text = DESCRIPTION.format(slot=stood) + ":"
        return TargetPrompt(Prompt(text=text), placeholder.strip(), count, tuple(f" {o}" for o in options))
    if template == "attribute":
        verbal = str(trial.question.arguments.get("verbal", "{x}"))
        return TargetPrompt(
            Prompt(text=verbal.replace("{x}", stood)), placeholder.strip(), count, tuple(f" {o}" for o in options)
        )  # fmt: skip
    asked = replace(trial, question=replace(trial.question, options=())) if open else trial
    question = question_text(asked, "choice_lp")
    words = tuple(f" {o}" for o in options)
    text = (QUESTION if template == "question" else SUMMARY).format(slot=stood, question=question)
    lead = PREFIX if template == "question" else f"{SUMMARY_LEAD}{PREFIX}"
    prompt = Prompt(messages=(Message("user", text),), prefix=lead) if chat else Prompt(text=f"{text}\n{lead}")
    return TargetPrompt(prompt, placeholder.strip(), count, words)

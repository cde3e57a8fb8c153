"""Target prompts with a slot for a vector, and the same prompts with words in its place.

Sources: Patchscopes (Ghandeharioun et al. 2024: token identity, entity description, attribute extraction) and SelfIE
(Chen et al. 2024: several placeholders, an assistant beginning that promises to summarise).
"""

from __future__ import annotations

from dataclasses import dataclass

from selfscope.errors import BadInput
from selfscope.records import Message, Prompt, Trial
from selfscope.wording.answers import told_apart
from selfscope.wording.phrases import ANSWER_PREFIX
from selfscope.wording.questions import question_text

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
    """A target prompt.

    Attributes
    ----------
    prompt : Prompt
        What is read with the vector in it.
    placeholder : str
        What the vector replaces.
    count : int
        How often the placeholder stands there, in a row.
    words : tuple of str
        (K,) the options' texts to score behind the prompt, in canonical order.
    """

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
) -> TargetPrompt:
    """The target prompt of a trial.

    Parameters
    ----------
    trial : Trial
        Asks the question; ``arguments["verbal"]`` is the sentence of the template ``attribute``, with ``{x}`` in it.
    template : str
        identity, description, attribute, question or summary.
    chat : bool
        Messages (question and summary). False: one running text.
    placeholder : str
        What the vector will replace.
    count : int
        Placeholders in a row.
    filling : str or None
        Words in the place of the slot: the text-only rival.

    Raises
    ------
    BadInput
        There is no such template, or the question has no wording.
    """
    if template not in TEMPLATES:
        raise BadInput(f"there is no template {template!r}; there are: {', '.join(TEMPLATES)}")
    words = told_apart([o.text for o in trial.question.options])
    if template == "identity":
        slot = IDENTITY_SLOT if filling is None else filling.strip()
        return TargetPrompt(Prompt(text=IDENTITY.format(slot=slot)), IDENTITY_SLOT, 1, words)
    slot = (placeholder * count).strip() if filling is None else filling.strip()
    mark = placeholder.strip()
    if template == "description":
        return TargetPrompt(Prompt(text=DESCRIPTION.format(slot=slot) + ":"), mark, count, words)
    if template == "attribute":
        verbal = str(trial.question.arguments.get("verbal", "{x}"))
        return TargetPrompt(Prompt(text=verbal.replace("{x}", slot)), mark, count, words)
    text = (QUESTION if template == "question" else SUMMARY).format(
        slot=slot, question=question_text(trial, "choice_lp")
    )
    prefix = ANSWER_PREFIX if template == "question" else f"{SUMMARY_LEAD}{ANSWER_PREFIX}"
    prompt = Prompt(messages=(Message("user", text),), prefix=prefix) if chat else Prompt(text=f"{text}\n{prefix}")
    return TargetPrompt(prompt, mark, count, words)

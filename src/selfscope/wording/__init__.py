"""(question, format, template) -> prompt: the only room that phrases a question."""

from selfscope.wording.direct import direct
from selfscope.wording.prompts import (
    FORMATS,
    LOGPROB_FORMATS,
    TEMPLATES,
    AskedPrompt,
    Shot,
    fits,
    phrase,
    question_text,
)

__all__ = [
    "FORMATS",
    "LOGPROB_FORMATS",
    "TEMPLATES",
    "AskedPrompt",
    "Shot",
    "direct",
    "fits",
    "phrase",
    "question_text",
]

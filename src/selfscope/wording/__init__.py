"""(question, format, template) -> prompt: the only room that phrases a question."""

from selfscope.records import FORMATS
from selfscope.wording.prompts import (
    TEMPLATES,
    AskedPrompt,
    Shot,
    fits,
    phrase,
    question_text,
)

__all__ = [
    "FORMATS",
    "TEMPLATES",
    "AskedPrompt",
    "Shot",
    "fits",
    "phrase",
    "question_text",
]

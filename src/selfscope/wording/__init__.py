"""(trial, format) -> prompt: the only room that phrases a question."""

from selfscope.records import FORMATS, TEMPLATES
from selfscope.wording.answers import Shot
from selfscope.wording.phrases import phrase_of
from selfscope.wording.prompts import AskedPrompt, fits, phrase
from selfscope.wording.questions import question_text

__all__ = ["FORMATS", "TEMPLATES", "AskedPrompt", "Shot", "fits", "phrase", "phrase_of", "question_text"]

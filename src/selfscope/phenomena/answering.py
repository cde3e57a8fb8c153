"""What the phenomena of answers share: the prompt that asks a problem, the questions about an answer, what the subject
answered, and what was accepted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from selfscope.phenomena.counterbalance import object_prompt
from selfscope.phenomena.rollouts import behaved, by_key, distinct, frequencies, known, reply_texts
from selfscope.phenomena.stimuli.problems import SHOWN, Problem
from selfscope.quantities import PROPERTIES, answers, given, measure
from selfscope.records import Message, Observation, Prompt, Question, Reply, Trial, Truth
from selfscope.subjects.base import Subject

ONLY_TEST = ("products",)
"""Sources that occur in the test split only: multiplication is never learnt from (operation-level shift)."""
SILENT = "I do not know."


def problem_prompt(subject: Subject, phenomenon: str, source: str, problem: Problem) -> Prompt:
    """The prompt at which the subject answers a problem, led into the answer."""
    right = [0] if answers(problem.item) else []
    tag = {"phenomenon": phenomenon, "source": source, "cluster": problem.item, "replies": led_replies(problem),
           "right": right}  # fmt: skip
    return object_prompt(subject, problem.text, tag=tag, prefix=problem.prefix, shown=[SHOWN[source]])


def led_replies(problem: Problem) -> list[str]:
    """What may stand behind the words that lead into the answer."""
    return [f" {candidate}." for candidate in problem.candidates]


def question_of(quantity: str, problem: Problem, answer: str | None = None, **more: object) -> Question:
    """The question about a problem; `arguments["item"]` names it for grading and says nothing that it does not."""
    arguments = {"item": problem.item, **({} if answer is None else {"answer": answer}), **more}
    placement = "same" if quantity == "correct_after" else "fresh"
    tense = "retrospective" if quantity == "correct_after" else "hypothetical"
    options = PROPERTIES[quantity].options
    return Question(quantity, options, arguments=arguments, placement=placement, tense=tense)


def after(prompt: Prompt, answer: str) -> Prompt:
    """The conversation in which the subject has just answered."""
    messages = (*prompt.messages, Message("assistant", f"{prompt.prefix} {answer}".strip()))
    return Prompt(messages=messages, tag=prompt.tag)


def first_line(replies: Sequence[Reply]) -> str:
    """The first line of a reply; an empty one stands as not knowing."""
    lines = [line.strip() for line in reply_texts(replies, "own answer")[0].splitlines() if line.strip()]
    return lines[0] if lines else SILENT


def candidate_of(problem: Problem, number: int, seed: int) -> str:
    """The right answer for every second problem of a source, one of the wrong ones for the others; of a thing that
    does not exist every candidate is wrong."""
    if (number + seed) % 2:
        return problem.candidates[0]
    return problem.candidates[1 + number // 2 % (len(problem.candidates) - 1)]


def observed_answers(subject: Subject, trials: Sequence[Trial], rollouts: int, max_tokens: int) -> list[Observation]:
    """Rollouts where the truth is a rate; for answers that are given the accepted ones alone, without asking the
    subject. Of questions with an item what was accepted is kept."""
    acting = [t for t in trials if not given(t.question.quantity)]
    acted = by_key(behaved(subject, acting, rollouts, max_tokens=max_tokens) if acting else [])
    out = []
    for key, trial in distinct(trials).items():
        accepted = {"accepted": list(answers(str(trial.question.arguments["item"])))}
        observation = acted.get(key, Observation(key))
        out.append(replace(observation, exact={**observation.exact, **accepted}))
    return out


def answer_truth(trial: Trial, observation: Observation) -> Truth:
    """A frequency of the rollouts, with the greedy reply; or whether the given answer is right (grade program)."""
    question = trial.question
    if not given(question.quantity):
        return frequencies(trial, observation)
    right = measure(question, str(question.arguments["answer"])) == "yes"
    return known(trial, (float(right), float(not right)), "program")

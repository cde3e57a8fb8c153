"""From a trial and a format to the prompt that asks it, and what each scored candidate stands for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from selfscope.errors import BadInput
from selfscope.records import FORMATS, Format, Message, Prompt, Question, Trial, to_jsonable
from selfscope.wording.phrases import (
    CARRIERS,
    CHANCE,
    COUNTS,
    FRAMINGS,
    OPTIONS,
    PERSONS,
    PHRASES,
    SAME,
    YES_NO,
    Phrase,
)

TEMPLATES = 3
NAME = "Alex"
YES, NO = (" Yes", " yes"), (" No", " no")
PREFIX = "Answer:"
ARROW = "→"
TAIL = 120
"""Characters of an object prompt that stand before the arrow where a question is about a given continuation."""


@dataclass(frozen=True)
class Shot:
    """A worked example in a prompt: a trial and the distribution (K,) over its options that counts as its answer."""

    trial: Trial
    distribution: tuple[float, ...]


@dataclass(frozen=True)
class AskedPrompt:
    """What a subject is given. candidates: texts to score (None: the reply is sampled); option_index: for each
    candidate the canonical index of the option that it means (prob_ev: the per cent of canonical "yes").
    options: the texts of the options as shown, in canonical order. first: the canonical index of the option that
    stands first (choice, counts, free) or that "yes" means on this item (yesno, prob): the format direction (None: an
    open question has none)."""

    prompt: Prompt
    candidates: tuple[str, ...] | None
    option_index: tuple[int, ...]
    options: tuple[str, ...]
    first: int | None
    max_tokens: int
    stop: tuple[str, ...] = ()


def fits(question: Question, format: str) -> bool:
    """Whether the format can ask the question: a probability needs a yes/no question, an open question can only be
    answered in its own words."""
    if format not in FORMATS:
        return False
    if question.open:
        return format == "free"
    return question.binary or not FORMATS[format].binary


def phrase(
    trial: Trial,
    format: str,
    *,
    chat: bool = True,
    prefill: bool = True,
    hide_state: bool = False,
    shots: Sequence[Shot] = (),
) -> AskedPrompt:
    """The prompt that asks the trial's question in a format. A question without options is open: the reply is free
    text. A trial with an empty `public` part is about nothing: the question stands alone, without a carrier.

    chat: messages (False: one running text, for base models). prefill: the reply starts with "Answer:".
    hide_state: the hidden messages of the object prompt are left out, as for an observer of this subject.
    shots: worked examples before the question. Raises BadInput when the format does not fit the question.
    """
    question = trial.question
    if not fits(question, format):
        able = ", ".join(name for name in FORMATS if fits(question, name))
        asked = f"{question.quantity!r} with {len(question.options)} options"
        raise BadInput(f"format {format!r} cannot ask {asked}; these can: {able}")
    if hide_state:
        trial = replace(trial, prompt=shown_to_observers(trial.prompt), state="plain")
    system = tuple(m for m in trial.prompt.messages if m.role == "system")
    turns = _turns(trial, format, shots)
    led = prefill and FORMATS[format].answer != "counts"
    prefix = PREFIX if led else ""
    tag = _tag(trial, format)
    acts = () if hide_state else trial.prompt.interventions
    if chat:
        prompt = Prompt(messages=system + turns, prefix=prefix, interventions=acts, tag=tag)
    else:
        text = _running_text(system + turns)
        prompt = Prompt(text=text, prefix=prefix, interventions=acts, tag=tag)
    candidates, option_index = _candidates(question, format)
    return AskedPrompt(
        prompt,
        candidates,
        option_index,
        shown_options(question),
        None if question.open else _first(question, format),
        _room(question, FORMATS[format], led=led),
        ("\n",) if led else (),
    )


def _room(question: Question, format: Format, *, led: bool) -> int:
    """Tokens of a reply. Who was not led in by "Answer:" may need a sentence, and an open answer some."""
    if question.open:
        return 64
    if format.answer == "counts":
        return 14 * len(question.options) + 8
    if not led:
        return 32
    if format.scored:
        return 1
    return 8 if format.answer == "percent" else 16


def shown_options(question: Question) -> tuple[str, ...]:
    """Texts of the options in canonical order as this wording shows them (negated wording swaps yes and no)."""
    texts = tuple(o.text for o in question.options)
    return texts[::-1] if question.binary and question.negated else texts


def question_text(trial: Trial, format: str) -> str:
    """The words of the question and its answer instruction, without the prompt that it is about. A name that is no
    format (a target prompt's template) gets the words of "free"."""
    question = trial.question
    template = question.template % TEMPLATES
    fields = _fields(question, _noun(trial))
    words = _phrase_of(question)
    shape = FORMATS.get(format, FORMATS["free"])
    if shape.answer == "percent":
        claim = (words.counter if question.negated else words.claim).format_map(fields)
        return CHANCE[template].format(claim=claim)
    if question.binary:
        core = (words.no if question.negated else words.yes).format_map(fields)
    else:
        core = words.which.format_map(fields)
    if question.open:
        return core
    if shape.answer == "yes_no":
        return f"{core} {YES_NO[template]}"
    texts = shown_options(question)
    listed = " | ".join(texts[i] for i in question.shown)
    if shape.answer == "counts":
        example = f'"{texts[question.shown[0]]}: 3"'
        return f"{core}\n{COUNTS[template].format(options=listed, example=example)}"
    choice, instruction = OPTIONS[template]
    asked = f"{core}\n{choice.format(options=listed)}"
    return asked if shape.scored else f"{asked}\n{instruction}"


class _Fields(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        raise BadInput(f"the question's arguments lack {key!r}, which its phrase needs; it has: {', '.join(self)}")


def _fields(question: Question, noun: str) -> _Fields:
    you, your = _person(question)
    return _Fields({**question.arguments, "you": you, "your": your, "reply": noun})


def _person(question: Question) -> tuple[str, str]:
    name = question.arguments.get("target" if question.person == "target" else "name", NAME)
    you, your = PERSONS[question.person]
    return you.format(name=name), your.format(name=name)


def _phrase_of(question: Question) -> Phrase:
    if "ask" in question.arguments:
        asked = str(question.arguments["ask"]).replace("{", "{{").replace("}", "}}")
        if question.person != "self":
            asked = "Answer for {you}, not for yourself. " + asked
        claim = f'the answer to "{asked}" is yes'
        return Phrase(asked, asked, f"Is the answer no? {asked}", claim, claim[:-3] + "no", carrier="custom")
    if question.quantity not in PHRASES:
        raise BadInput(f"no wording for the quantity {question.quantity!r}; known: {', '.join(sorted(PHRASES))}")
    return PHRASES[question.quantity]


def _carrier(trial: Trial) -> tuple[str, str]:
    question = trial.question
    kind = _phrase_of(question).carrier
    if question.given_text is not None:
        kind = "continued" if kind in ("continue", "branch") else "material"
    return CARRIERS[kind][question.template % TEMPLATES]


def _noun(trial: Trial) -> str:
    noun = _carrier(trial)[1]
    if trial.question.given_text is not None:
        return noun
    # A conversation has replies already: the question is about the one that comes.
    coming = "next " if _talk(trial) and _phrase_of(trial.question).carrier in ("reply", "custom") else ""
    return f"{_person(trial.question)[1]} {coming}{noun}"


def _context(trial: Trial) -> list[Message]:
    """The turns before the object, without system messages: a report stands behind them as the behaviour does."""
    return [m for m in trial.prompt.messages[: trial.prompt.context] if m.role != "system"]


def _object(trial: Trial) -> list[Message]:
    return [m for m in trial.prompt.messages[trial.prompt.context :] if not m.hidden]


def shown_to_observers(prompt: Prompt) -> Prompt:
    """The prompt without its hidden messages."""
    seen = tuple(m for m in prompt.messages if not m.hidden)
    if len(seen) in (0, len(prompt.messages)):
        return prompt
    hidden = sum(m.hidden for m in prompt.messages[: prompt.context])
    return replace(prompt, messages=seen, context=prompt.context - hidden)


def _talk(trial: Trial) -> bool:
    return len(_object(trial)) > 1


def _turns(trial: Trial, format: str, shots: Sequence[Shot]) -> tuple[Message, ...]:
    turns: list[Message] = []
    for shot in shots:
        turns.append(Message("user", _fresh(shot.trial, format)))
        turns.append(Message("assistant", _answer_text(shot, format)))
    turns += _context(trial)
    question, talk = trial.question, _object(trial)
    if question.placement != "same" or question.given_text is not None or not talk:
        return (*turns, Message("user", _framed(question, _fresh(trial, format))))
    words = question_text(trial, format)
    template = question.template % TEMPLATES
    if trial.prompt.prefix:
        talk.append(Message("assistant", trial.prompt.prefix))
        return (*turns, *talk, Message("user", _framed(question, SAME["partial"][template].format(question=words))))
    if talk[-1].role == "assistant":
        return (*turns, *talk, Message("user", _framed(question, SAME["ended"][template].format(question=words))))
    # Two user turns in a row are refused by some chat templates: the question joins the last one.
    asked = _framed(question, SAME["open"][template].format(question=words))
    return (*turns, *talk[:-1], Message("user", f"{talk[-1].content}\n\n{asked}"))


def _fresh(trial: Trial, format: str) -> str:
    """The question in a new thread, told about the object prompt where there is one."""
    words = question_text(trial, format)
    if not trial.public and trial.question.given_text is None:
        return words
    you, your = _person(trial.question)
    about = trial.public
    if trial.question.given_text is not None:
        about = trial.question.given_text
        if _phrase_of(trial.question).carrier in ("continue", "branch"):
            about = f"{trial.public[-TAIL:]} {ARROW} {about}"
    what = "conversation" if _talk(trial) else "message"
    return _carrier(trial)[0].format(you=you, your=your, what=what, object=f'"""{about}"""', question=words)


def _framed(question: Question, text: str) -> str:
    lead = FRAMINGS[question.framing]
    return f"{lead}\n{text}" if lead else text


def _candidates(question: Question, format: str) -> tuple[tuple[str, ...] | None, tuple[int, ...]]:
    k, shape = len(question.options), FORMATS[format]
    if not shape.scored:
        return None, ()
    if shape.answer == "option":
        texts = [" " + t.strip() for t in shown_options(question)]
        nested = any(a != b and b.startswith(a) for a in texts for b in texts)
        # Where one option begins another ("1", "10"), a fixed end makes the strings exclude each other.
        return tuple(t + "." for t in texts) if nested else tuple(texts), tuple(range(k))
    if shape.answer == "yes_no":
        yes, no = (1, 0) if question.negated else (0, 1)
        return YES + NO, (yes,) * len(YES) + (no,) * len(NO)
    numbers = range(101)
    # The per cent sign ends the number: "1" must not hold the probability of "10" and "100".
    return tuple(f" {n}%" for n in numbers), tuple(100 - n if question.negated else n for n in numbers)


def _first(question: Question, format: str) -> int:
    if FORMATS[format].binary:
        return 1 if question.negated else 0
    return question.shown[0]


def _answer_text(shot: Shot, format: str) -> str:
    """What the right answer to a worked example looks like in this format."""
    question = shot.trial.question
    texts, answer = shown_options(question), FORMATS[format].answer
    top = max(range(len(texts)), key=lambda i: shot.distribution[i])
    if answer == "yes_no":
        return f"{PREFIX}{YES[0] if (top == 0) != question.negated else NO[0]}"
    if answer == "percent":
        p = 1 - shot.distribution[0] if question.negated else shot.distribution[0]
        return f"{PREFIX} {round(100 * p)}%"
    if answer == "counts":
        counts = _round_to_ten(shot.distribution)
        return "\n".join(f"{texts[i]}: {counts[i]}" for i in question.shown)
    return f"{PREFIX} {texts[top]}"


def _round_to_ten(distribution: Sequence[float]) -> list[int]:
    """Whole numbers that sum to ten, nearest to ten times the distribution (largest remainders)."""
    scaled = [10 * p for p in distribution]
    counts = [int(x) for x in scaled]
    by_remainder = sorted(range(len(scaled)), key=lambda i: (counts[i] - scaled[i], i))
    for i in by_remainder[: 10 - sum(counts)]:
        counts[i] += 1
    return counts


def _running_text(messages: Sequence[Message]) -> str:
    """A conversation as one text for a base model. A single question stands without speaker names."""
    if len(messages) == 1:
        return messages[0].content + "\n"
    names = {"system": "Instructions", "user": "User", "assistant": "Assistant"}
    return "".join(f"{names[m.role]}: {m.content}\n\n" for m in messages) + "Assistant: "


def _tag(trial: Trial, format: str) -> dict[str, Any]:
    """What a scripted subject answers from; real subjects ignore it."""
    question = trial.question
    return {
        "role": "report",
        "trial": trial.id,
        "phenomenon": trial.phenomenon,
        "source": trial.source,
        "quantity": question.quantity,
        "person": question.person,
        "placement": question.placement,
        "framing": question.framing,
        "format": format,
        "state": trial.state,
        "control": trial.control,
        "object": to_jsonable(trial.prompt),
        "question": to_jsonable(question),
        "public": trial.public,
        "cluster": trial.cluster,
    }

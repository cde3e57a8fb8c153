"""Asks the subject, in words: the reply is read by a strict grammar or by exact log-probabilities."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, cast

from selfscope.errors import BadInput, UnknownName
from selfscope.parsing import Parsed, parse_counts, parse_option, parse_percent
from selfscope.records import FORMATS, Cost, Decoding, Identified, Outcome, Reading, Reply, Trial, Truth, is_scored
from selfscope.statistics import exponentials
from selfscope.subjects.base import ScoringSubject, Subject, reaches
from selfscope.wording import AskedPrompt, Shot, fits, phrase

CONTENT_FREE = "..."
UNWRITTEN = "the model's tokenizer cannot write one of the answers as it stands"
SLACK = 0.05
"""How far above one the candidates' probabilities may sum: half precision, in batches of other shapes."""


@dataclass(frozen=True)
class Ask(Identified):
    """The plain self-report: the subject is asked.

    Parameters
    ----------
    format
        How the answer is written and read, one of FORMATS.
    draws
        Of formats that are read from text: 1 is one greedy reply, a class; more are replies at temperature 1, averaged.
    seed
        Of those replies.
    prior_free
        Whether `choice_lp` readings also carry the distribution relative to a content-free prompt (one more call), in
        `extra["prior_free"]` (K,).

    Raises
    ------
    UnknownName
        A format that does not exist.
    """

    kind: ClassVar[str] = "ask"
    format: str = "choice_lp"
    draws: int = 1
    seed: int = 0
    prior_free: bool = False

    def __post_init__(self) -> None:
        known_format(self.format)
        if self.draws < 1:
            raise BadInput(f"draws is a number of replies from 1 on, not {self.draws}")

    @classmethod
    def planned(cls, subject: Subject, formats: Sequence[str], settings: Mapping[str, Any]) -> list[Ask]:
        """One in each format, unless one was asked for.

        Parameters
        ----------
        subject
            Whom the study is about.
        formats
            Those of the phenomenon in which the subject can be asked.
        settings
            Fields that were asked for.

        Returns
        -------
        list[Ask]
            In the order of the formats.
        """
        if "format" in settings:
            return [cls(**settings)]
        return [cls(**{**settings, "format": format}) for format in formats]

    @property
    def title(self) -> str:
        return f"asked ({FORMATS[self.format].title})"

    @property
    def rung(self) -> str:
        return "self"

    def fit(self, subject: Subject, trials: Sequence[Trial], truths: Sequence[Truth]) -> Ask:
        """Nothing is learnt."""
        return self

    def read(self, subject: Subject, trials: Sequence[Trial]) -> list[Reading]:
        """One reading a trial, in one call to the subject."""
        readings = elicit(subject, trials, self.format, draws=self.draws, seed=self.seed)
        if self.prior_free and self.format == "choice_lp":
            return _with_prior_free(subject, trials, readings)
        return readings


def known_format(format: str) -> None:
    """Raises UnknownName for a format that does not exist."""
    if format not in FORMATS:
        raise UnknownName("format", format, FORMATS)


def elicit(
    reporter: Subject,
    trials: Sequence[Trial],
    format: str,
    *,
    hide_state: bool = False,
    shots: Sequence[Shot] = (),
    draws: int = 1,
    seed: int = 0,
) -> list[Reading]:
    """Readings of all trials by one reporter in one format, in one batched call.

    A format that the reporter's tier or the question does not allow gives Outcome.UNSUPPORTED: base models and
    log-probability formats, hosted models and text formats. hide_state and shots: see `wording.phrase`.
    """
    readings = [Reading(Outcome.UNSUPPORTED)] * len(trials)
    scored = is_scored(format)
    able = reaches(reporter, "logprobs") if scored else reporter.chat
    rows = [i for i, trial in enumerate(trials) if able and fits(trial.question, format)]
    if not rows:
        return readings
    prefill = reaches(reporter, "logprobs")
    questions = [
        phrase(
            trials[i], format, chat=reporter.chat, prefill=prefill and not trials[i].question.open,
            hide_state=hide_state, shots=shots,
        )
        for i in rows
    ]  # fmt: skip
    readable = (
        _by_score(cast(ScoringSubject, reporter), questions, [trials[i] for i in rows], format)
        if scored
        else _by_text(reporter, questions, [trials[i] for i in rows], (format, draws, seed))
    )
    for i, reading in zip(rows, readable, strict=True):
        readings[i] = reading
    return readings


def _by_score(
    reporter: ScoringSubject, questions: Sequence[AskedPrompt], trials: Sequence[Trial], format: str
) -> list[Reading]:
    start = time.perf_counter()
    written = _as_written(reporter, questions)
    able = [a for a in written if a.candidates]
    scores = iter(reporter.score([a.prompt for a in able], [a.candidates or () for a in able]) if able else [])
    cost = Cost(calls=1, seconds=(time.perf_counter() - start) / len(questions))
    readings = []
    for a, trial in zip(written, trials, strict=True):
        if not a.candidates:
            readings.append(Reading(Outcome.UNSUPPORTED, first=a.first, extra={"why": UNWRITTEN}))
            continue
        tokens = next(scores)
        logprobs = [sum(candidate) for candidate in tokens]
        why = _fault(logprobs, len(a.option_index))
        if why:
            readings.append(Reading(Outcome.ERROR, first=a.first, extra={"why": why}, cost=cost))
            continue
        distribution, mass = distribution_of(logprobs, a.option_index, len(trial.question.options), format)
        readings.append(Reading(Outcome.ANSWERED, distribution, first=a.first, mass=mass, cost=cost))
    return readings


def _as_written(reporter: ScoringSubject, questions: Sequence[AskedPrompt]) -> list[AskedPrompt]:
    """The questions with those candidates that the reporter's tokenizer can write; with none where an answer is then
    left without any."""
    writable = getattr(reporter, "writable", None)
    every = [c for a in questions for c in a.candidates or ()]
    if writable is None or all(able := writable(every)):
        return list(questions)
    can = dict(zip(every, able, strict=True))
    out = []
    for a in questions:
        kept = [(c, k) for c, k in zip(a.candidates or (), a.option_index, strict=True) if can[c]]
        whole = {k for _, k in kept} == set(a.option_index)
        texts, index = tuple(c for c, _ in kept), tuple(k for _, k in kept)
        out.append(replace(a, candidates=texts if whole else (), option_index=index if whole else ()))
    return out


def _fault(logprobs: Sequence[float], candidates: int) -> str:
    """Why scores of candidates that exclude each other are no probabilities; empty where they are."""
    if len(logprobs) != candidates:
        return f"{len(logprobs)} scores of {candidates} candidates"
    if any(math.isnan(x) for x in logprobs):
        return "a score that is NaN"
    if max(logprobs) == -math.inf:
        return "no candidate has any probability"
    held = math.fsum(math.exp(min(x, 700.0)) for x in logprobs)
    return f"candidates that exclude each other hold a probability of {held:.4g}" if held > 1 + SLACK else ""


def distribution_of(
    logprobs: Sequence[float], option_index: Sequence[int], options: int, format: str
) -> tuple[tuple[float, ...], float]:
    """((options,) distribution, mass) from the candidates' log-probabilities (nats), normalised over them."""
    weights = exponentials(logprobs)
    total = math.fsum(weights)
    mass = min(1.0, math.exp(max(logprobs)) * total)
    if FORMATS[format].answer == "percent":
        p = math.fsum(w * s for w, s in zip(weights, option_index, strict=True)) / (100 * total)
        return (p, 1 - p), mass
    sums = [math.fsum(w for w, s in zip(weights, option_index, strict=True) if s == k) / total for k in range(options)]
    return tuple(sums), mass


def _by_text(
    reporter: Subject, questions: Sequence[AskedPrompt], trials: Sequence[Trial], how: tuple[str, int, int]
) -> list[Reading]:
    format, draws, seed = how
    decoding = Decoding(
        max_tokens=max(a.max_tokens for a in questions),
        temperature=0.0 if draws == 1 else 1.0,
        seed=seed,
        stop=questions[0].stop,
    )
    replies = reporter.sample([a.prompt for a in questions], draws, decoding)
    return [
        _of_replies(list(own), a, trial, format) for own, a, trial in zip(replies, questions, trials, strict=True)
    ]  # fmt: skip


def _of_replies(replies: Sequence[Reply], question: AskedPrompt, trial: Trial, format: str) -> Reading:
    """One reading from the replies to one prompt: the mean over those that could be read. The answer to an open
    question is its text."""
    if trial.question.open:
        return _of_open_replies(replies)
    parsed = [_parse(reply, question, trial, format) for reply in replies]
    values = [p.value for p in parsed if p.value is not None]
    cost = sum((reply.cost for reply in replies), Cost())
    text = "\n---\n".join(reply.text for reply in replies)
    extra: dict[str, Any] = {"draws": len(replies), "read": len(values)} if len(replies) > 1 else {}
    if parsed[0].lenient is not None:
        extra["lenient"] = list(parsed[0].lenient)
    if not values or 2 * len(values) < len(parsed):
        failed = [p.outcome for p in parsed if p.value is None]
        return Reading(max(failed, key=failed.count), text=text, first=question.first, extra=extra, cost=cost)
    mean = tuple(math.fsum(v[k] for v in values) / len(values) for k in range(len(values[0])))
    kind = "class" if format == "free" and len(replies) == 1 else "distribution"
    return Reading(Outcome.ANSWERED, mean, kind, text, question.first, extra=extra, cost=cost)


def _of_open_replies(replies: Sequence[Reply]) -> Reading:
    texts = [reply.text.strip() for reply in replies if reply.finish != "error"]
    outcome = Outcome.ERROR if not texts else Outcome.ANSWERED if any(texts) else Outcome.UNREADABLE
    cost = sum((reply.cost for reply in replies), Cost())
    return Reading(outcome, None, "text", "\n---\n".join(texts) or None, cost=cost)


def _parse(reply: Reply, question: AskedPrompt, trial: Trial, format: str) -> Parsed:
    # A reply that repeats the lead-in it was given is read without it.
    if FORMATS[format].answer == "percent":
        percent = parse_percent(reply)
        if percent.value is None:
            return percent
        p = 1 - percent.value[0] if trial.question.negated else percent.value[0]
        return Parsed(percent.outcome, (p, 1 - p))
    if FORMATS[format].answer == "counts":
        return parse_counts(reply, question.options)
    return parse_option(reply, question.options)


def _with_prior_free(subject: Subject, trials: Sequence[Trial], readings: Sequence[Reading]) -> list[Reading]:
    """Divides by what the same question gets about no prompt at all; one score for each distinct wording."""
    empty = [replace(t, public=CONTENT_FREE, question=replace(t.question, placement="fresh")) for t in trials]
    keys = [phrase(t, "choice_lp", chat=subject.chat).prompt for t in empty]
    words = [repr((k.messages, k.text)) for k in keys]
    distinct: dict[str, Trial] = {}
    for word, trial in zip(words, empty, strict=True):
        distinct.setdefault(word, trial)
    base = dict(zip(distinct, elicit(subject, list(distinct.values()), "choice_lp"), strict=True))
    out = []
    for reading, word in zip(readings, words, strict=True):
        prior = base[word].distribution
        if reading.distribution is None or prior is None:
            out.append(reading)
            continue
        ratio = [r / max(p, 1e-12) for r, p in zip(reading.distribution, prior, strict=True)]
        extra: Mapping[str, Any] = {**reading.extra, "prior_free": [x / math.fsum(ratio) for x in ratio]}
        out.append(replace(reading, extra=extra))
    return out

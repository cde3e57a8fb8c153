"""The nouns of the project: frozen records that every room shares.

Each record goes to JSON with `to_json` and comes back with `from_json`; both carry `SCHEMA`, so that an old
folder is recognised. Nothing here computes a result.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, is_dataclass
from enum import Enum, StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Any, TypeVar

from selfscope.records.formats import FORMATS, Format, format_of, is_scored
from selfscope.records.injections import Injection, Opaque, Vector

SCHEMA = 1
T = TypeVar("T")


class Outcome(StrEnum):
    """What became of one reading. Closed: anything that is not an answer says which kind of non-answer it is."""

    ANSWERED = "answered"
    REFUSED = "refused"
    UNREADABLE = "unreadable"
    TRUNCATED = "truncated"
    UNSUPPORTED = "unsupported"
    ERROR = "error"


RUNGS = ("prior", "input", "history", "twin", "ablated", "self", "probe", "behaviour")
"""Who an observer is, by the information that it had (design: observer ladder), from least to most."""


@dataclass(frozen=True)
class Cost:
    """What a call took. `calls` counts prompts sent to a subject; seconds are wall time."""

    calls: int = 0
    prompt_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.calls + other.calls,
            self.prompt_tokens + other.prompt_tokens,
            self.output_tokens + other.output_tokens,
            self.seconds + other.seconds,
        )


@dataclass(frozen=True)
class Message:
    """One turn of a conversation; `role` is system, user or assistant.

    secret: part of the hidden state, as system messages are: the subject sees it, observers and `Trial.public` do not.
    """

    role: str
    content: str
    secret: bool = False

    @property
    def hidden(self) -> bool:
        """Whether only the subject sees it."""
        return self.secret or self.role == "system"


@dataclass(frozen=True)
class Prompt:
    """What one row of a batch is given: exactly one of messages, text or token ids.

    `prefix` is assistant text that the subject must continue (messages) or text appended as it stands (text).
    The first `context` messages are the thread before the object (a turn that shows the form of an answer): behaviour
    and reports stand behind them alike.
    `interventions` belong to this row alone. `tag` is inert for real subjects: a phantom reads it.
    """

    messages: tuple[Message, ...] = ()
    text: str | None = None
    ids: tuple[int, ...] | None = None
    prefix: str = ""
    context: int = 0
    interventions: tuple[Injection | Opaque, ...] = ()
    tag: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        given = bool(self.messages) + (self.text is not None) + (self.ids is not None)
        if given != 1:
            raise ValueError(f"a prompt is messages, text or ids: exactly one of them, got {given}")


@dataclass(frozen=True)
class Option:
    """One possible answer: `key` is its meaning (shared labels carry over between items), `text` what is shown."""

    key: str
    text: str


@dataclass(frozen=True)
class Question:
    """A question as data; `wording.py` alone makes text of it.

    options: K possible answers in canonical order; every distribution of the project is in this order. None: the
    question is open.
    shared: option keys mean the same in every item of this quantity (False: private lists, e.g. branch outcomes).
    order: the permutation in which options are shown (indices into `options`), empty = canonical.
    flipped: the negated wording is shown (yes/no questions) or the scale runs downwards; readings are mapped back.
    person: self | typical | named | target (another model, named in arguments["target"]).
    placement: fresh (told about the prompt in a new thread) | same (asked downstream of the conversation).
    framing: plain | introspective | accurate.
    material: the string to which the property is to be applied (competence questions), None for a self-report.
    """

    quantity: str
    options: tuple[Option, ...]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    shared: bool = True
    order: tuple[int, ...] = ()
    template: int = 0
    negated: bool = False
    person: str = "self"
    tense: str = "hypothetical"
    placement: str = "fresh"
    framing: str = "plain"
    given_text: str | None = None

    @property
    def binary(self) -> bool:
        """Yes/no questions: a probability answers them, the probability of yes."""
        return tuple(o.key for o in self.options) == ("yes", "no")

    @property
    def open(self) -> bool:
        """No options: it is answered in its own words, and no distribution answers it."""
        return not self.options

    @property
    def shown(self) -> tuple[int, ...]:
        """Indices of the options in the order in which they are shown."""
        return self.order or tuple(range(len(self.options)))


@dataclass(frozen=True)
class Evidence:
    """Activations that a reader may use: the residual stream over `prompt` at `positions`, and nowhere else.

    text: what the tokens at these positions spell out (a text-only rival sees it). full: all that anyone may see of the
    prompt, the controlling text included (a ceiling, shown apart).
    """

    prompt: Prompt
    positions: tuple[int, ...]
    text: str
    full: str = ""


@dataclass(frozen=True)
class Trial:
    """One question about one prompt of one subject. There is no truth in it.

    prompt: the *object* prompt, what the subject does when it behaves (its hidden messages are the hidden state).
    public: the text that any rival may see: the object prompt without the hidden state. "": it is about nothing.
    state: plain, or the name of the hidden context (do(state) at text tier).
    base: id of the plain trial that a control's trial was made from (its own id when plain): the pairing key.
    arm: real, or what stands in the place of the real vector (`controls.arms`). evidence: what may be read.
    observation: key of the observation that its truth is computed from; many trials share one.
    """

    id: str
    phenomenon: str
    source: str
    cluster: str
    task: str
    split: str
    question: Question
    prompt: Prompt
    public: str
    observation: str
    state: str = "plain"
    control: str = "plain"
    base: str = ""
    arm: str = "real"
    coordinates: Mapping[str, Any] = field(default_factory=dict)
    evidence: Evidence | None = None


@dataclass(frozen=True)
class Reply:
    """What a subject said to one prompt, once. finish: stop | length | refused | error."""

    text: str
    finish: str = "stop"
    ids: tuple[int, ...] | None = None
    logprobs: tuple[float, ...] | None = None
    cost: Cost = Cost()
    error: str | None = None


@dataclass(frozen=True)
class Decoding:
    """How to sample. temperature 0 is greedy. Noise is keyed by (seed, prompt, draw, step), never by the batch.

    and_greedy: beside the n draws one greedy reply, the last: the prompt is read once for both.
    """

    max_tokens: int = 24
    temperature: float = 1.0
    seed: int = 0
    stop: tuple[str, ...] = ()
    and_greedy: bool = False


@dataclass(frozen=True)
class TokenDistribution:
    """Next-token log-probabilities (nats) of the listed ids, and the entropy (nats) of the whole distribution."""

    ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    entropy: float
    tokens: tuple[str, ...] = ()


@dataclass(frozen=True)
class Observation:
    """What the subject did, raw: rollouts (`replies`), a greedy answer, exact numbers. Truth is computed from it."""

    key: str
    replies: tuple[str, ...] = ()
    greedy: str | None = None
    exact: Mapping[str, Any] = field(default_factory=dict)
    cost: Cost = Cost()


@dataclass(frozen=True)
class Truth:
    """A distribution over the trial's options, with its noise.

    mean, half_a, half_b: (K,) frequencies over all rollouts and over two disjoint halves (exact truths repeat).
    n: rollouts behind `mean` (0 = exact). greedy: index of the option of the greedy answer. grade: exact | rollouts |
    program | record | probe | judge | given.
    """

    trial: str
    mean: tuple[float, ...]
    half_a: tuple[float, ...]
    half_b: tuple[float, ...]
    n: int
    grade: str
    greedy: int | None = None


@dataclass(frozen=True)
class Reading:
    """One reader's answer to one trial.

    distribution: (K,) over the trial's options in canonical order, sums to 1; None unless outcome is answered.
    kind: distribution | class (a one-hot; `class` reports of a greedy reply are modes, not draws).
    first: canonical index of the option shown first, or that "yes" means on this item: the format direction.
    mass: probability that the options hold together before normalising (log-probability formats).
    extra: what a verdict needs besides: "jackknife" (J, K), "halves" (2, K) of a learnt rival; "prior_free" (K,).
    """

    outcome: Outcome
    distribution: tuple[float, ...] | None = None
    kind: str = "distribution"
    text: str | None = None
    first: int | None = None
    mass: float | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    cost: Cost = Cost()


@dataclass(frozen=True)
class Score:
    """One reading against one truth.

    brier: noise-corrected squared distance; log: nats, floored; hit: truth mass on the reported option.
    """

    brier: float
    log: float
    hit: float


@dataclass(frozen=True)
class Row:
    """One line of a study: a reading of a trial by a reader in a cell. Trials and truths are stored once, beside."""

    cell: str
    subject: str
    phenomenon: str
    trial: str
    reader: str
    rung: str
    control: str
    seed: int
    reading: Reading
    score: Score | None = None


def to_jsonable(value: Any, names: Mapping[str, str] = MappingProxyType({})) -> Any:
    """Any record as JSON-ready dicts, lists and scalars. names: fields of records that get another name."""
    if is_dataclass(value) and not isinstance(value, type):
        return {names.get(k, k): to_jsonable(v, names) for k, v in vars(value).items()}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(k): to_jsonable(v, names) for k, v in value.items()}
    if isinstance(value, tuple | list):
        return [to_jsonable(v, names) for v in value]
    if hasattr(value, "tolist"):
        return value.tolist()
    return value


def to_json(record: Any) -> str:
    """One line of JSON with sorted keys: the same record gives the same bytes."""
    return _compact(to_jsonable(record))


def _compact(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


@lru_cache(maxsize=64)
def _adapter(kind: type) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def from_json(kind: type[T], text: str | bytes) -> T:
    """The record that `to_json` wrote. Raises ValueError naming the field when the text is not such a record."""
    return _adapter(kind).validate_json(text)  # type: ignore[arg-type]


HASHED_AS = {"given_text": "material", "negated": "flipped"}
"""Names under which fields enter a hash: ids decide which trials are drawn, so a better name must not draw others."""


def content_hash(*parts: Any, size: int = 16) -> str:
    """Stable hexadecimal digest of any records or plain values, the same in every process."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(_compact(to_jsonable(part, HASHED_AS)).encode())
        digest.update(b"\x00")
    return digest.hexdigest()[:size]


__all__ = [
    "FORMATS", "RUNGS", "SCHEMA", "Cost", "Decoding", "Evidence", "Format", "Injection", "Message", "Observation",
    "Opaque", "Option", "Outcome", "Prompt", "Question", "Reading", "Reply", "Row", "Score", "TokenDistribution",
    "Trial", "Truth", "Vector", "content_hash", "format_of", "from_json", "is_scored", "to_json", "to_jsonable",
]  # fmt: skip

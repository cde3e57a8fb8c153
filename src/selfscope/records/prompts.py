"""What a subject is given: messages, texts or token ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from operator import index
from typing import Any

from selfscope.errors import BadInput
from selfscope.records.injections import Injection, Opaque

NOTHING = "\0"
"""The text of no token, for `Prompt.masked`: nothing at all that follows the secret messages may attend to them."""


@dataclass(frozen=True)
class Message:
    """One turn of a conversation.

    Attributes
    ----------
    role : str
        system, user or assistant.
    content : str
        What is said.
    secret : bool
        Part of the hidden state, as system messages are: the subject sees it, observers and `Trial.public` do not.
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

    Attributes
    ----------
    messages : tuple of Message
        A conversation, put into the subject's chat template.
    text : str or None
        A text as it stands.
    ids : tuple of int or None
        (T,) exact token ids.
    prefix : str
        Assistant text that the subject must continue (messages), or text appended as it stands (text).
    context : int
        The first so many messages are the thread before the object (a turn that shows the form of an answer): behaviour
        and reports stand behind them alike.
    interventions : tuple of Injection or Opaque
        Vectors that are written while this row is read; they belong to this row alone.
    tag : mapping
        Inert for real subjects: a phantom reads it.
    masked : str
        The text (its last occurrence) whose tokens alone may attend to the tokens of the secret messages; whatever else
        follows those may not, what is generated or scored included. Positions stay. NOTHING: no token may. Empty:
        nothing is masked.
    asked : str
        The text (its last occurrence) from whose first token on switched adapters act, to the end of the prompt and on
        whatever follows. What stands before is the base's own. Empty: they act nowhere.

    Raises
    ------
    BadInput
        Not exactly one of messages, text and ids is there, the messages are no messages, or something is masked without
        secret messages that stand together.
    """

    messages: tuple[Message, ...] = ()
    text: str | None = None
    ids: tuple[int, ...] | None = None
    prefix: str = ""
    context: int = 0
    interventions: tuple[Injection | Opaque, ...] = ()
    tag: Mapping[str, Any] = field(default_factory=dict)
    masked: str = ""
    asked: str = ""

    def __post_init__(self) -> None:
        messages = self.messages
        contents = bool(messages) + (self.text is not None) + (self.ids is not None)
        if contents != 1:
            raise BadInput(f"a prompt is messages, text or ids: exactly one of them, got {contents}")
        if messages:
            if not isinstance(messages, (tuple, list)):
                raise _no_messages(messages)
            for message in messages:
                if not isinstance(message, Message):
                    raise _no_messages(message)
        if self.ids is not None:
            object.__setattr__(self, "ids", _token_ids(self.ids))
        if self.masked:
            secret = self.secret
            if not secret:
                raise BadInput(
                    "a masked prompt hides its secret messages, and this has none: "
                    "write Message(role, content, secret=True) for them, or masked=''"
                )
            if secret[-1] - secret[0] >= len(secret):
                raise BadInput("the secret messages of a masked prompt stand together: put the others before or after")

    @property
    def secret(self) -> tuple[int, ...]:
        """Which of its messages are secret (hidden system messages apart), from 0."""
        return tuple(i for i, message in enumerate(self.messages) if message.secret)


def _token_ids(ids: Any) -> tuple[int, ...]:
    """Raises BadInput for what is no list of whole numbers from 0."""
    if isinstance(ids, Iterable) and not isinstance(ids, str | bytes):
        listed = list(ids)
        if all(hasattr(i, "__index__") and not isinstance(i, bool) and index(i) >= 0 for i in listed):
            return tuple(map(index, listed))
    raise BadInput(f"the ids of a prompt are token ids, whole numbers from 0, not {_shortened(str(ids))}")


def no_prompt(value: Any, where: str) -> BadInput:
    """The error for a value that stands where a prompt is meant. where: the field, as in "the prompt of a trial"."""
    instead = f"Prompt(text={_shortened(value)})" if isinstance(value, str) else "Prompt(text=...)"
    return BadInput(
        f"{where} is a Prompt, not {type(value).__name__}: write {instead} or Prompt(messages=(Message('user', ...),))"
    )


def _no_messages(value: Any) -> BadInput:
    if isinstance(value, str):
        text = _shortened(value)
        return BadInput(
            f"a prompt's messages are Messages, not the text {text}: "
            f"write Prompt(text={text}) or Prompt(messages=(Message('user', {text}),))"
        )
    if isinstance(value, Message):
        return BadInput(
            "a prompt's messages are a tuple: write Prompt(messages=(message,)), with the comma, for a single Message"
        )
    return BadInput(
        f"a prompt's messages are Messages, not {type(value).__name__}: write Prompt(messages=(Message('user', ...),))"
    )


def _shortened(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")

"""Options that several commands share. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Group, Parameter, Token
from cyclopts.validators import Number

from selfscope.api.loading import WAITS, forms
from selfscope.errors import SelfscopeError
from selfscope.settings import split

MODEL = Group("Model")
OUTPUT = Group("Output")


def pieces(tokens: Sequence[Token | str]) -> tuple[str, ...]:
    """ "a,b[c,d] e" -> a, b[c,d], e: commas inside brackets and quotes belong to a name."""
    return tuple(piece for token in tokens for piece in split(token if isinstance(token, str) else token.value))


def texts(tokens: Sequence[Token | str]) -> tuple[str, ...]:
    """ '"a, b",c' -> a, b; c: commas inside double quotes belong to a text, as in CSV. Raises SelfscopeError for quotes
    that do not close."""
    found: list[str] = []
    for token in tokens:
        value = token if isinstance(token, str) else token.value
        try:
            found += next(csv.reader([value], skipinitialspace=True, strict=True), [])
        except csv.Error:
            raise SelfscopeError(
                f"--options {value!r}: an answer with a comma stands in double quotes, and they close before the next "
                "comma, as in --options '\"tea, black\",coffee'"
            ) from None
    return tuple(text.strip() for text in found if text.strip())


def _numbers(_: Any, tokens: Sequence[Token]) -> tuple[int, ...]:
    try:
        return tuple(map(int, pieces(tokens)))
    except ValueError:
        written = ",".join(token.value for token in tokens)
        raise SelfscopeError(f"--seeds takes whole numbers with commas between, as in 0,1,2, not {written!r}") from None


def _seed(_: Any, seed: int) -> None:
    from selfscope.records import check_seed

    check_seed(seed)


LIST = Parameter(
    consume_multiple=True, negative="", show_default=False, converter=lambda _, tokens: pieces(tokens)
)
TEXTS = Parameter(
    consume_multiple=True, negative="", show_default=False, converter=lambda _, tokens: texts(tokens)
)
NUMBERS = Parameter(consume_multiple=True, negative="", converter=_numbers)
Model = Annotated[str, Parameter(help=f"One of: {forms()}. {WAITS}")]
Seed = Annotated[int, Parameter(validator=_seed, help="Everything random follows from it.")]
Jobs = Annotated[
    int, Parameter(validator=Number(gte=1), help="Processes that share the work; each loads the model.")
]
Resume = Annotated[bool, Parameter(negative="")]
Json = Annotated[bool, Parameter("--json", negative="", group=OUTPUT, help="Data for programs instead of a table.")]


@dataclass(frozen=True)
class Hardware:
    """How a local model is loaded."""

    device: Annotated[str | None, Parameter(group=MODEL, help="cpu, cuda, mps (default: what is there).")] = None
    dtype: Annotated[str | None, Parameter(group=MODEL, help="float32, bfloat16 (default: float32 to 2B).")] = None
    revision: Annotated[str | None, Parameter(group=MODEL, help="Branch, tag or commit of a hub model.")] = None
    adapter: Annotated[str | None, Parameter(group=MODEL, help="A PEFT adapter, folder or hub name.")] = None

    def chosen(self) -> dict[str, str]:
        """The options that were used."""
        return {k: v for k, v in vars(self).items() if v is not None}


@dataclass(frozen=True)
class Questions:
    """What a study asks, and who answers."""

    profile: Annotated[str, Parameter(help="quick (minutes) or full.")] = "quick"
    phenomena: Annotated[
        tuple[str, ...], LIST, Parameter(help="Some of `selfscope phenomena`, with commas (default: the profile's).")
    ] = ()
    items: Annotated[Path | None, Parameter(help="Your own questions, one JSON object a line.")] = None
    readers: Annotated[
        tuple[str, ...], LIST, Parameter(help="Some of `selfscope readers`, with commas (default: the profile's).")
    ] = ()
    controls: Annotated[
        tuple[str, ...], LIST, Parameter(help="Further controls, beside the profile's: some of `selfscope controls`.")
    ] = ()
    other: Annotated[str | None, Parameter(help="Another model that forecasts this one.")] = None
    twin: Annotated[str | None, Parameter(help="A near twin of the model: same habits, own states.")] = None

    def keywords(self) -> dict[str, Any]:
        """As `planned` takes them."""
        return dict(vars(self))


def given(options: object, usual: object, *names: str) -> list[str]:
    """Options of a group, as they are written, that are not what they usually are."""
    return written(**{name: getattr(options, name) != getattr(usual, name) for name in names})


def written(**used: bool) -> list[str]:
    """Those of these options that were used, as they are written."""
    return [f"--{name.replace('_', '-')}" for name, was in used.items() if was]


HERE, USUAL = Hardware(), Questions()

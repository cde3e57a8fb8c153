"""Groups of options that several commands share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Group, Parameter

MODEL = Group("Model")
Seed = Annotated[int, Parameter(help="Everything random follows from it.")]
LIST = Parameter(consume_multiple=True, negative="", converter=lambda _, tokens: _split(tokens))
SEEDS = Parameter(
    consume_multiple=True, negative="", converter=lambda _, tokens: tuple(int(part) for part in _split(tokens))
)


def _split(tokens: tuple[object, ...]) -> tuple[str, ...]:
    """ "a,b[c,d] e" -> a, b[c,d], e: commas inside brackets belong to a name."""
    parts: list[str] = []
    for token in tokens:
        depth, start, text = 0, 0, str(getattr(token, "value", token))
        for at, char in enumerate(text + ","):
            depth += (char == "[") - (char == "]")
            if char == "," and depth <= 0:
                parts.append(text[start:at].strip())
                start = at + 1
    return tuple(p for p in parts if p)


@dataclass(frozen=True)
class Hardware:
    """How a local model is loaded."""

    device: Annotated[str | None, Parameter(group=MODEL, help="cpu, cuda, mps (default: what is there).")] = None
    dtype: Annotated[str | None, Parameter(group=MODEL, help="float32, bfloat16 (default: float32 to 2B).")] = None
    revision: Annotated[str | None, Parameter(group=MODEL, help="Branch, tag or commit of a hub model.")] = None
    adapter: Annotated[str | None, Parameter(group=MODEL, help="A PEFT adapter, folder or hub name.")] = None

    def given(self) -> dict[str, str]:
        """The options that were used."""
        return {k: v for k, v in vars(self).items() if v is not None}


@dataclass(frozen=True)
class Plan:
    """What a study asks."""

    profile: Annotated[str, Parameter(help="quick (minutes) or full.")] = "quick"
    phenomena: Annotated[tuple[str, ...], LIST, Parameter(help="Some of `selfscope phenomena`, with commas.")] = ()
    items: Annotated[Path | None, Parameter(help="Your own questions, one JSON object a line.")] = None
    readers: Annotated[tuple[str, ...], LIST, Parameter(help="Some of `selfscope readers`, with commas.")] = ()
    other: Annotated[str | None, Parameter(help="Another model that forecasts this one.")] = None
    twin: Annotated[str | None, Parameter(help="A near twin of the model: same habits, own states.")] = None


HERE, QUICK = Hardware(), Plan()

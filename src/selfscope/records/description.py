"""What is on record of a subject: what its own configuration says, and what a card adds. What nobody wrote down is
unknown, and nothing is guessed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Description:
    """Facts about a subject; None: not known.

    Attributes
    ----------
    name, maker
        What it is called, who made it.
    parameters, layers, heads, width, vocabulary, context
        How many numbers were learnt, blocks it has, attention heads a block, numbers in a state, tokens it knows,
        tokens fit in.
    modality
        What it takes in: "text", "text and pictures", ...
    cutoff
        The last year of what it was trained on.
    affects
        What it can change: "nothing but this text", ...
    stage
        What it is used for as it is asked: TESTED in every study.
    """

    name: str | None = None
    maker: str | None = None
    parameters: int | None = None
    layers: int | None = None
    heads: int | None = None
    width: int | None = None
    vocabulary: int | None = None
    context: int | None = None
    modality: str | None = None
    cutoff: int | None = None
    affects: str | None = None
    stage: str | None = None


CONFIGURED = {"layers": "num_hidden_layers", "heads": "num_attention_heads", "width": "hidden_size",
              "vocabulary": "vocab_size", "context": "max_position_embeddings"}  # fmt: skip
"""Fact -> its name in a model's configuration."""
TEXT, HERE, TESTED = "text", "nothing but this text", "a test of this model"


def description_of(subject: Any) -> Description:
    """What a subject says of itself as `description`; nothing where it says nothing."""
    own = getattr(subject, "description", None)
    return own if isinstance(own, Description) else Description()


def configured(config: Any, parameters: int | None) -> Description:
    """Of a model on this machine: the numbers of its configuration, and what follows from how it is run here, where it
    gets text alone and has no tool."""
    numbers: dict[str, Any] = {fact: getattr(config, name, None) for fact, name in CONFIGURED.items()}
    known: dict[str, Any] = {
        fact: n for fact, n in numbers.items() if isinstance(n, int) and not isinstance(n, bool) and n > 0
    }
    return Description(**known, parameters=parameters, modality=TEXT, affects=HERE)


def fact_text(name: str, value: object) -> str:
    """A fact as the text of an option; numbers of parameters in millions or billions."""
    if name != "parameters" or not isinstance(value, int):
        return str(value)
    if value < 1_000_000_000:
        return f"{round(value / 1e6)} million"
    return f"{round(value / 1e9, 1):g} billion"

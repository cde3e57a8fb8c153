"""What is on record of a subject: what its own configuration says, and what a card adds. What nobody wrote down is
unknown, and nothing is guessed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Description:
    """Facts about a subject; None: not known.

    Attributes
    ----------
    name, maker
        What it is called, who made it.
    parameters, layers, heads, kv_heads, head_size, width, inner, vocabulary, context
        How many numbers were learnt, blocks it has, attention heads a block and key-value heads, numbers in a head, in
        a state and in the middle of a feed-forward network, tokens it knows, tokens fit in.
    activation
        The function of its feed-forward networks: "SiLU", ...
    modality
        What it takes in: "text", "text and pictures", ...
    cutoff
        The last year of what it was trained on.
    affects
        What it can change: "nothing but this text", ...
    stage
        What it is used for as it is asked: TESTED in every study.
    splits
        Word -> into how many tokens it is split where it stands inside a sentence.
    """

    name: str | None = None
    maker: str | None = None
    parameters: int | None = None
    layers: int | None = None
    heads: int | None = None
    kv_heads: int | None = None
    head_size: int | None = None
    width: int | None = None
    inner: int | None = None
    vocabulary: int | None = None
    context: int | None = None
    activation: str | None = None
    modality: str | None = None
    cutoff: int | None = None
    affects: str | None = None
    stage: str | None = None
    splits: Mapping[str, int] = field(default_factory=dict)


CONFIGURED = {"layers": "num_hidden_layers", "heads": "num_attention_heads", "kv_heads": "num_key_value_heads",
              "head_size": "head_dim", "width": "hidden_size", "inner": "intermediate_size",
              "vocabulary": "vocab_size", "context": "max_position_embeddings"}  # fmt: skip
"""Fact -> its name in a model's configuration."""
ACTIVATIONS = {"silu": "SiLU", "swish": "SiLU", "gelu": "GELU", "gelu_new": "GELU", "gelu_pytorch_tanh": "GELU",
               "relu": "ReLU", "relu2": "squared ReLU", "tanh": "tanh"}  # fmt: skip
"""Function of a configuration -> what it is called."""
WORDS = ("window", "strawberry", "rhubarb", "photosynthesis", "xylophone", "handkerchief", "mississippi", "breadcrumbs",
         "thunderstorm", "quicksilver", "chrysanthemum", "sandcastle", "bookkeeper", "unremarkable", "waistcoat",
         "lighthouse")  # fmt: skip
"""Of which a subject is asked into how many tokens it splits them."""
TEXT, HERE, TESTED = "text", "nothing but this text", "a test of this model"


def description_of(subject: Any) -> Description:
    """What a subject says of itself as `description`; nothing where it says nothing."""
    own = getattr(subject, "description", None)
    return own if isinstance(own, Description) else Description()


def configured(config: Any, parameters: int | None, split: Callable[[str], int] | None = None) -> Description:
    """Of a model on this machine: what its configuration says, and what follows from how it is run here, where it gets
    text alone and has no tool. split: into how many tokens its tokenizer splits a word inside a sentence."""
    numbers: dict[str, Any] = {fact: getattr(config, name, None) for fact, name in CONFIGURED.items()}
    known: dict[str, Any] = {
        fact: n for fact, n in numbers.items() if isinstance(n, int) and not isinstance(n, bool) and n > 0
    }
    acts = (getattr(config, name, None) for name in ("hidden_act", "hidden_activation", "activation_function"))
    named = [ACTIVATIONS[one] for one in acts if isinstance(one, str) and one in ACTIVATIONS]
    splits = {} if split is None else {word: split(word) for word in WORDS}
    return Description(
        **known, parameters=parameters, activation=named[0] if named else None, modality=TEXT, affects=HERE,
        splits=splits,
    )  # fmt: skip


def facts_of(of: Description) -> dict[str, str]:
    """What is known of a subject as texts of options, by fact; a word's tokens by `split_fact`."""
    known = asdict(of)
    splits = known.pop("splits")
    facts = {name: fact_text(name, value) for name, value in known.items() if value is not None}
    return {**facts, **{split_fact(word): str(count) for word, count in splits.items()}}


def split_fact(word: str) -> str:
    """The name of the fact into how many tokens a word is split."""
    return f"split {word}"


def fact_text(name: str, value: object) -> str:
    """A fact as the text of an option; numbers of parameters in millions or billions."""
    if name != "parameters" or not isinstance(value, int):
        return str(value)
    if value < 1_000_000_000:
        return f"{round(value / 1e6)} million"
    return f"{round(value / 1e9, 1):g} billion"

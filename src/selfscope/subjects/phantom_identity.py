"""What a phantom is, and what it reports of that: by the dials, as of everything else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selfscope.records import Question, content_hash
from selfscope.records.description import HERE, TESTED, TEXT, WORDS, Description, facts_of
from selfscope.subjects.phantom_dials import DialReport, Dials, report
from selfscope.subjects.phantom_options import one_hot

SIZES = {"layers": (12, 24, 30, 48), "heads": (8, 12, 16, 32), "kv_heads": (2, 3, 4, 8), "head_size": (64, 80, 96, 128),
         "width": (512, 768, 1024, 2048), "inner": (1536, 2048, 4096, 8192),
         "vocabulary": (32_000, 49_152, 50_257, 128_256), "context": (1024, 2048, 4096, 8192),
         "parameters": (135_000_000, 360_000_000, 1_000_000_000, 3_000_000_000)}  # fmt: skip


def description_of_phantom(seed: int) -> Description:
    """Scripted sizes, drawn by its seed."""
    drawn = {name: sizes[int(content_hash("phantom", name, seed)[:8], 16) % 4] for name, sizes in SIZES.items()}
    splits = {word: 1 + int(content_hash("phantom", "split", word, seed)[:8], 16) % 4 for word in WORDS}
    return Description(
        "a phantom", "nobody", **drawn, activation="SiLU", modality=TEXT, affects=HERE, stage=TESTED, splits=splits
    )


def fact_report(
    dials: Dials, question: Question, of: Description, tag: Mapping[str, Any], *, item: str, cluster: str, first: int
) -> DialReport:
    """The report on a fact. of: what it is. Its habit is what is likeliest
    for anybody: the same option, whoever is asked about. What a system prompt says is copied."""
    texts = [option.text for option in question.options]
    k, fact = len(texts), str(question.arguments["fact"])
    true = facts_of(of).get(fact)
    usual = one_hot(int(content_hash("usual", cluster, sorted(texts))[:8], 16) % k, k)
    told = dict(tag["object"]).get("tag", {}).get("told")
    copied = texts.index(told) if told in texts else None
    own = one_hot(texts.index(true), k) if true is not None and true in texts and question.person == "self" else usual
    return report(dials, item=item, cluster=cluster, p=own, h=usual, g=usual, first=first, copied=copied)

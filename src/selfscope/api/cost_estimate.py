"""What a study would take, before it takes it: the same run, with a subject that only counts."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from selfscope.api.dry_run_subject import Counting, counting, distinct
from selfscope.records import Cost, Decoding, Message, Prompt
from selfscope.store import Store
from selfscope.study import Progress, Study, run
from selfscope.study.another import another_model, with_another_model
from selfscope.subjects.base import ScoringSubject, Subject

ASSUMED = {"prompt": 2000.0, "output": 200.0}
"""Tokens a second where nothing can be measured without spending (a server)."""


@dataclass(frozen=True)
class Forecast:
    """What a study takes. `print` gives it as a table.

    Attributes
    ----------
    calls
        Prompts.
    prompt_tokens, output_tokens
        Read and written.
    minutes
        On this machine.
    memory
        GiB; None where the model runs elsewhere.
    basis
        How the minutes were got.
    steps
        Cost by caller ("observe confidence", "ask[choice_lp]", ...).
    """

    calls: int
    prompt_tokens: int
    output_tokens: int
    minutes: float
    memory: float | None
    basis: str
    steps: Mapping[str, Cost]

    def __str__(self) -> str:
        memory = "on the server" if self.memory is None else f"{self.memory:.1f} GiB"
        lines = [
            f"calls     {self.calls:>12,}",
            f"tokens    {self.prompt_tokens:>12,} read, {self.output_tokens:,} written",
            f"minutes   {self.minutes:>12.1f}   ({self.basis})",
            f"memory    {memory:>12}",
            "",
        ]
        for name, cost in self.steps.items():
            tokens = f"{cost.prompt_tokens:>11,} + {cost.output_tokens:,} tokens"
            lines.append(f"  {name:<38} {cost.calls:>8,} prompts {tokens}")
        return "\n".join(lines)


def forecast(study: Study, progress: Progress | None = None) -> Forecast:
    """Counts what `run` would ask of the subject, and measures its speed on a few prompts where that costs nothing.

    Parameters
    ----------
    study
        Nothing of it is asked.
    progress
        Told of the work ahead and of each piece that is done.

    Returns
    -------
    Forecast
        Calls, tokens, minutes, memory.
    """
    stand_in = counting(study.subject)
    plans = tuple(
        replace(each, readers=tuple(map(_counting, each.readers)), phenomenon=_counting(each.phenomenon))
        for each in study.plans
    )
    others = [another_model(part) for each in plans for part in (each.phenomenon, *each.readers)]
    with tempfile.TemporaryDirectory() as folder:
        dry = replace(study, subject=stand_in, plans=plans)
        with Store(Path(folder) / "dry", dry.settings()) as store:
            run(dry, store, progress)
            steps = {k: replace(v, seconds=0.0) for k, v in store.costs.items()}
    total = sum(steps.values(), Cost())
    speed, basis = _speed(study.subject)
    computed = stand_in.computed + sum(other.computed for other in others if isinstance(other, Counting))
    seconds = computed / speed["prompt"] + total.output_tokens / speed["output"]
    return Forecast(
        total.calls, total.prompt_tokens, total.output_tokens, seconds / 60, _memory(study.subject), basis, steps
    )  # fmt: skip


def _counting(part: Any) -> Any:
    """Another model that takes part is counted too, not asked."""
    return with_another_model(part, counting)


def _speed(subject: Subject) -> tuple[dict[str, float], str]:
    """Tokens a second, read and written."""
    if not isinstance(subject, ScoringSubject):
        return ASSUMED, f"assumed {ASSUMED['prompt']:.0f} tokens/s read, {ASSUMED['output']:.0f} written"
    prompts = [Prompt(messages=(Message("user", f"Number {i}. {'Say a word. ' * 15}"),)) for i in range(16)]
    if not subject.chat:
        prompts = [Prompt(text=p.messages[0].content) for p in prompts]
    candidates = [[" Yes", " No"]] * len(prompts)
    subject.score(prompts[:2], candidates[:2])  # the first call pays for loading
    start = time.perf_counter()
    subject.score(prompts, candidates)
    prompt_speed = distinct([subject.encode(p) for p in prompts]) / max(time.perf_counter() - start, 1e-6)
    start = time.perf_counter()
    replies = subject.sample(prompts[:8], 20, Decoding(max_tokens=10))
    written = sum(len(r.ids or r.text.split()) for own in replies for r in own)
    output_speed = max(written, 1) / max(time.perf_counter() - start, 1e-6)
    speed = {"prompt": prompt_speed, "output": output_speed}
    return speed, f"measured: {prompt_speed:.0f} tokens/s read, {output_speed:.0f} written"


def _memory(subject: Subject) -> float | None:
    """Peak resident memory in GiB: this process now (the model is loaded) and the working space of its batches."""
    if "parameters" not in subject.environment:
        return None if subject.tier == "text" else 0.2
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform != "darwin" else 1 << 30)
    return peak + 0.8

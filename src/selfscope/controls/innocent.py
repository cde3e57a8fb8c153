"""What stands in the place of a text that sets a state: one of equal length that sets none.

Whatever answers the same there follows the form of a context and not what it says. An odd text tells who raises an
alarm at anything unusual from who reads the state; an ordinary one shows what is said where nothing is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from selfscope.controls.base import derived, pick
from selfscope.quantities import filler, load_table
from selfscope.records import Identified, Prompt, Trial, content_hash


@dataclass(frozen=True)
class InnocentContext(Identified):
    """The text that sets a trial's state (`coordinates["setting"]`) is replaced by one of as many words that sets none,
    in the object, in what anybody may see of it, and in the evidence. Trials without such a text are dropped.

    Parameters
    ----------
    odd
        An odd text: nonsense that is about nobody. False: an ordinary one.
    """

    kind: ClassVar[str] = "innocent_context"
    role: ClassVar[str] = "sham"
    odd: bool = True

    @property
    def title(self) -> str:
        """What people read."""
        return f"{'an odd' if self.odd else 'an ordinary'} context of equal length that says nothing of it"

    def apply(self, trials: Sequence[Trial], seed: int) -> list[Trial]:
        """One of each; trials that differ only in what sets their state get the same text."""
        out = []
        for trial in trials:
            setting = trial.coordinates.get("setting")
            if not isinstance(setting, str) or not any(setting in m.content for m in trial.prompt.messages):
                continue
            text = self._text(len(setting.split()), trial, seed)
            fields: dict[str, Any] = {
                "prompt": _without(trial.prompt, setting, text), "public": trial.public.replace(setting, text),
                "observation": content_hash(trial.observation, self.id, text), "state": "sham",
            }  # fmt: skip
            seen = trial.evidence
            if seen is not None:
                prompt = _without(seen.prompt, setting, text)
                fields["evidence"] = replace(seen, prompt=prompt, full=seen.full.replace(setting, text))
            where: Mapping[str, object] = {**trial.coordinates, "setting": text}
            out.append(derived(trial, self.id, text, coordinates=where, **fields))
        return out

    def _text(self, count: int, trial: Trial, seed: int) -> str:
        """So many words, the same for the whole cluster."""
        sentences = len(load_table("odd")["odd" if self.odd else "ordinary"])
        begin = pick(sentences, "innocent", seed, trial.cluster, self.odd)
        return filler(count, begin, odd=self.odd)


def _without(prompt: Prompt, setting: str, text: str) -> Prompt:
    turns = tuple(replace(m, content=m.content.replace(setting, text)) for m in prompt.messages)
    return replace(prompt, messages=turns, tag={**prompt.tag, "state": "sham"})

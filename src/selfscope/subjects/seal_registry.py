"""What readers may not touch: the object prompts of the trials, and the interventions behind each `Opaque`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from selfscope.records import Injection, Message, Opaque, Prompt, Trial
from selfscope.subjects.activations import Activations

What = tuple[tuple[Message, ...], str | None, tuple[int, ...] | None, str, str]
CAPACITY = 1 << 24
"""Numbers of the captures that are kept: 64 MB."""


class SealRegistry:
    """Keeps what readers may not touch: the object prompts of the trials, the interventions behind each `Opaque`."""

    def __init__(self) -> None:
        self._objects: dict[What, str] = {}
        self._interventions: list[Injection] = []
        self._numbers: dict[Injection, int] = {}
        self._readable: dict[What, set[int]] = {}
        self.scores: dict[str, dict[str, list[list[float]]]] = {}
        """Scores of a whole call by what it asked: several readers look at the same train trials. Never of one prompt:
        a resumed run would then put other prompts into a batch, and the last digits would differ."""
        self.states: dict[str, Activations] = {}
        """The last captures by what they asked, up to CAPACITY numbers: probes that differ in their labels learn from
        the same states."""

    def hide(self, trials: Sequence[Trial]) -> list[Trial]:
        """The trials with opaque interventions; their object prompts are from now on out of a reader's reach."""
        hidden = []
        for trial in trials:
            self._objects.setdefault(what(trial.prompt), trial.id)
            sealed = trial
            if trial.prompt.interventions:
                sealed = replace(sealed, prompt=self._sealed(trial.prompt))
            if trial.evidence is not None:
                self._readable.setdefault(what(trial.evidence.prompt), set()).update(trial.evidence.positions)
                if trial.evidence.prompt.interventions:
                    prompt = self._sealed(trial.evidence.prompt)
                    sealed = replace(sealed, evidence=replace(trial.evidence, prompt=prompt))
            hidden.append(sealed)
        return hidden

    def readable(self, prompt: Prompt) -> set[int]:
        """The positions of a prompt that some trial gives as evidence."""
        return self._readable.get(what(prompt), set())

    def keep(self, call: str, states: Activations) -> None:
        """Keeps a capture, and forgets the oldest ones where that is too much; the newest always stays."""
        self.states[call] = states
        sizes = {key: sum(one.at(k).size for k in one.layers) for key, one in self.states.items()}
        for key in list(self.states)[:-1]:
            if sum(sizes.values()) > CAPACITY:
                del self.states[key], sizes[key]

    def open(self, prompt: Prompt) -> Prompt:
        """The prompt with its real interventions, for the subject alone."""
        if not prompt.interventions:
            return prompt
        real = tuple(self._interventions[i.number] if isinstance(i, Opaque) else i for i in prompt.interventions)
        return replace(prompt, interventions=real)

    def owner(self, prompt: Prompt) -> str | None:
        """The id of a trial that is about just this prompt."""
        return self._objects.get(what(prompt))

    def _sealed(self, prompt: Prompt) -> Prompt:
        sealed = []
        for one in prompt.interventions:
            if isinstance(one, Injection):
                if one not in self._numbers:
                    self._numbers[one] = len(self._interventions)
                    self._interventions.append(one)
                one = Opaque(self._numbers[one])
            sealed.append(one)
        return replace(prompt, interventions=tuple(sealed))


def what(prompt: Prompt) -> What:
    """What the subject would be given: everything of a prompt but its inert tag and its interventions."""
    ids = None if prompt.ids is None else tuple(prompt.ids)
    return tuple(prompt.messages), prompt.text, ids, prompt.prefix, prompt.masked

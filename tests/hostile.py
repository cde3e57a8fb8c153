"""A subject that is out to harm whoever reads about it: by its name, its replies and what it says of itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from selfscope.errors import ServerError
from selfscope.records import Cost, Decoding, Prompt, Reply, content_hash

HARM = (
    "\x1b]0;mine\x07\x1b[2J\x1b]8;;http://x\x1b\\\x9b31m\r\x08\x7f\u202egnp\u2066a\u2069\u200b\u200d\ufeff\u2028\u2029\u00ad"
    "\U000e0041<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&{{ 7*7 }}[bold]"
)
"""What must reach no terminal and no page as it is."""
WORDS = ("Yes", "No", "7", "90%", "Blue")


@dataclass
class Hostile:
    """Answers a word by a hash of what it is asked, with HARM around it."""

    name: str = f"hostile{HARM}"
    identity: str = f"hostile-1{HARM}"
    tier: str = "text"
    chat: bool = True
    environment: Mapping[str, Any] = field(default_factory=lambda: {"server_model": HARM, HARM: "x"})
    dies: bool = False
    breaks: bool = False

    def sample(self, prompts: Sequence[Prompt], n: int, decoding: Decoding, on_done: Any = None) -> list[list[Reply]]:
        if self.dies:
            raise ServerError(f"the server says {HARM}")
        if self.breaks:
            raise ValueError(f"a mistake {HARM}")
        replies = []
        for prompt in prompts:
            draws = range(n + decoding.and_greedy)
            numbers = [int(content_hash(prompt.messages, decoding.seed, k, size=8), 16) for k in draws]
            replies.append([Reply(f"{WORDS[at % len(WORDS)]} {HARM}", cost=Cost(1, 5, 1)) for at in numbers])
        return replies


HOSTILE = Hostile()

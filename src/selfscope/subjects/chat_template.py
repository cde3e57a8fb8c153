"""A conversation as the text that a model's chat template makes of it, under a deadline and a size.

Templates run in a process of their own (`template_process`), which is begun when the first one is rendered and ends
with this one. What was rendered is kept: the same conversation is asked for again when a prompt is measured and read.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from selfscope.errors import BadModel
from selfscope.terminal import one_line

SECONDS = 10.0
"""What one rendering may take. A usual one takes a ten thousandth of a second."""
MOST = 1 << 22
"""Characters that one rendering may have."""
KEPT, LONGEST_KEPT = 2048, 1 << 15
"""Conversations that are kept, and the characters of one that is."""
SCRIPT = Path(__file__).with_name("template_process.py")
PASSED = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TZ", "LANG", "LC_ALL")
"""Of the environment, what a Python needs to start, and what tells the date: keys are not for templates."""


class TemplateRefuses(BadModel):
    """A template that cannot write this conversation: it may write another."""


def written(tokenizer: Any, messages: Sequence[Mapping[str, str]], *, generation: bool = True) -> str:
    """A conversation as text. generation: up to and with what opens the assistant's reply.

    Raises TemplateRefuses, with the template's message, where it cannot write this one or writes no text; BadModel
    where it takes too long or writes too much, or is none.
    """
    template, special = _template_of(tokenizer), json.dumps(tokenizer.special_tokens_map, default=str)
    turns = tuple((m["role"], m["content"]) for m in messages)
    act = _kept if sum(len(content) for _, content in turns) <= LONGEST_KEPT else _rendered
    text, refusal = act(template, special, turns, generation)
    if refusal:
        raise TemplateRefuses(f"the model's chat template refuses this conversation: {refusal}")
    return text


def _template_of(tokenizer: Any) -> str:
    template = tokenizer.chat_template
    if isinstance(template, Mapping):
        if "default" not in template:
            names = ", ".join(sorted(template))
            raise BadModel(f"the model has several chat templates and none is the default: {names}")
        template = template["default"]
    if not isinstance(template, str):
        raise BadModel(f"the model's chat template is a {type(template).__name__}: it has to be a text")
    return template


def _rendered(template: str, special: str, turns: tuple[tuple[str, str], ...], generation: bool) -> tuple[str, str]:
    """(text, "") or ("", why the template refuses)."""
    values = {
        "messages": [{"role": role, "content": content} for role, content in turns],
        "tools": None,
        "documents": None,
        "add_generation_prompt": generation,
        **json.loads(special),
    }
    start = time.monotonic()
    answer = _process().answer(template, values)
    if answer is None and time.monotonic() - start < SECONDS:
        raise BadModel("the process that renders the model's chat template ended (out of memory?): try it again")
    if answer is None:
        raise BadModel(f"the model's chat template does not come to an end: it was stopped after {SECONDS:g} s")
    if "grown" in answer:
        raise BadModel(f"the model's chat template writes without bound: more than {MOST} characters, or all memory")
    if "error" in answer:
        return "", one_line(answer["error"], 300)
    text: str = answer["text"]
    return (text, "") if text.strip() else ("", "it writes no text")


_kept = lru_cache(maxsize=KEPT)(_rendered)


class _Process:
    """The process and what it knows. One request at a time."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers: dict[str, int] = {}

    def answer(self, template: str, values: Mapping[str, Any]) -> dict[str, Any] | None:
        """What it says of a rendering; None where it was ended by the deadline."""
        with self._lock:
            process = self._begun()
            number = self._numbers.get(template, len(self._numbers))
            request = {"number": number, "values": values, "seconds": SECONDS, "most": MOST}
            if template not in self._numbers:
                self._numbers[template] = number
                request["template"] = template
            line = b""
            try:
                assert process.stdin is not None
                assert process.stdout is not None
                process.stdin.write(json.dumps(request).encode() + b"\n")
                process.stdin.flush()
                line = process.stdout.readline()
            except BrokenPipeError:
                line = b""
            finally:
                if not line:  # it was ended, or Ctrl-C came in between: what it says next would answer another request
                    self._end()
            return json.loads(line) if line else None

    def _begun(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            kept = {name: os.environ[name] for name in PASSED if name in os.environ}
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-I", str(SCRIPT), json.dumps(sys.path)],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=kept,
                )  # fmt: skip
            except OSError as error:
                why = f"chat templates run in a process of their own, and none could be begun: {error}"
                raise BadModel(why) from error
        return self._process

    def close(self) -> None:
        with self._lock:
            self._end()

    def _end(self) -> None:
        process, self._process = self._process, None
        self._numbers.clear()
        if process is not None:
            process.kill()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    _close(pipe)
            process.wait()


def _close(pipe: Any) -> None:
    try:
        pipe.close()
    except BrokenPipeError:
        return  # what was not sent is not wanted any more


_only: list[_Process] = []
_choosing = threading.Lock()


def _process() -> _Process:
    """This process's own: one that was forked off has to begin another, or two would read one pipe."""
    with _choosing:
        if not _only or _only[0].owner != os.getpid():
            _only[:] = [_Process()]
            atexit.register(_only[0].close)
        return _only[0]

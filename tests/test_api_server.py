"""The text tier against a real server in a process of its own: SmolLM2 behind the listener of a prebuilt wheel."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from selfscope.api.cards import planned, redraw, run
from selfscope.api.loading import load
from selfscope.errors import ServerError
from selfscope.records import Decoding, Message, Prompt, id_of
from selfscope.store import read
from selfscope.subjects.chat_server import ApiSubject

pytestmark = pytest.mark.skipif(importlib.util.find_spec("xllamacpp") is None, reason="needs the wheel xllamacpp")

SERVE = """
import sys, xllamacpp
settings = xllamacpp.CommonParams()
settings.model.path, settings.model_alias = sys.argv[1], {"smollm2"}
settings.n_ctx, settings.n_parallel, settings.port = 4096, 4, 0
settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = 1  # two spin where the machine is busy
settings.verbosity, settings.warmup = -1, False
server = xllamacpp.Server(settings)
print(server.listening_address, flush=True)
sys.stdin.read()
"""
PROMPTS = [
    Prompt(messages=(Message("user", text),)) for text in ("Name a colour.", "Which animal says miaow? One word.")
]


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    from selfscope.subjects.bundled_models import gguf

    command = [sys.executable, "-c", SERVE, str(gguf("smollm2-135m"))]
    environment = {k: v for k, v in os.environ.items() if not k.endswith("API_KEY")}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        try:
            address = process.stdout.readline().strip()
            assert address.startswith("http"), "the server did not start"
            yield f"{address}/v1", process
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait(10)


@pytest.fixture(scope="module")
def subject(server: tuple[str, subprocess.Popen[str]]) -> ApiSubject:
    made = load(f"api:smollm2@{server[0]}")
    assert isinstance(made, ApiSubject)
    return made


def test_it_samples_and_says_what_it_is(subject: ApiSubject) -> None:
    done: list[int] = []
    greedy = subject.sample(PROMPTS, 2, Decoding(8, 0.0, 0), lambda i, replies: done.append(i))
    again = subject.sample(PROMPTS[::-1], 1, Decoding(8, 0.0, 7))
    drawn = subject.sample(PROMPTS, 4, Decoding(8, 1.5, 3))
    assert sorted(done) == [0, 1]
    assert [many[0].text for many in greedy] == [many[0].text for many in again[::-1]]
    assert greedy[0][0].text != greedy[1][0].text
    assert all(reply.text and reply.finish in ("stop", "length") for many in greedy + drawn for reply in many)
    assert len({reply.text for reply in drawn[0]}) > 1, "draws differ"
    cost = drawn[0][0].cost
    assert cost.calls == 1
    assert cost.prompt_tokens > 5
    assert 1 <= cost.output_tokens <= 8
    assert subject.spent.calls == 2 + 2 + 8
    assert subject.environment["system_fingerprint"]
    assert subject.environment["date"].startswith("20")
    assert "smollm2" in subject.environment["server_model"]


def test_a_small_card_is_made_of_it(subject: ApiSubject, tmp_path: Path) -> None:
    study = planned(subject, phenomena=("confidence",))
    plan = study.plans[0]
    assert [id_of(r) for r in plan.readers if r.rung == "self"] == ["ask[format=prob_text]"]
    small = replace(plan.phenomenon, test=3, train=6, dev=1, rollouts=2)  # type: ignore[type-var]
    kept = tuple(c for c in plan.controls if id_of(c) == "third_person")
    rows = run(replace(study, plans=(replace(plan, phenomenon=small, controls=kept),)), tmp_path / "card")
    asked = [r for r in read(tmp_path / "card").rows if r.reader == "ask[format=prob_text]"]
    assert len(rows) > len(asked) >= 2 * (3 + 1)  # two questions of each test and dev cluster
    assert not [r for r in asked if r.reading.outcome == "error"]
    # Whether a model of this size says just a number differs from machine to machine; that it speaks does not.
    assert {r.reading.outcome for r in asked} <= {"answered", "unreadable", "truncated", "refused"}
    assert all(r.reading.text for r in asked)
    card = redraw(tmp_path / "card")
    assert "Confidence" in str(card)
    page = card.page.read_text(encoding="utf-8")
    assert subject.environment["system_fingerprint"] in page, "the card says what answered"


def test_all_phenomena_of_its_tier_are_planned(subject: ApiSubject) -> None:
    names = [plan.phenomenon.kind for plan in planned(subject).plans]
    assert names == ["self_prediction", "branch_distribution", "confidence"]


def test_once_it_is_gone_that_is_said(server: tuple[str, subprocess.Popen[str]], subject: ApiSubject) -> None:
    url, process = server
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    gone = replace(subject, tries=2, backoff=0.01)
    with pytest.raises(ServerError, match=f"{url}.*Is the server running"):
        gone.sample(PROMPTS, 2, Decoding())

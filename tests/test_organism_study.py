"""The study of organisms: its slopes are the card's, its page holds what is finished, and it runs on a tiny model."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tiny import build

STUDIES = Path(__file__).parents[1] / "studies"
sys.path.insert(0, str(STUDIES))

import organism_access  # noqa: E402
import organism_page  # noqa: E402
from kept import keep  # noqa: E402

from selfscope.verdicts.doses import Dose  # noqa: E402

HEARD: dict[str, Any] = {"capture_output": True, "text": True, "check": False}


def answers(rng: np.random.Generator, truth: Any, moved: Any, *, own: float, person: float, words: float) -> Any:
    """Reports that move with the truth in these shares, from a level of their own."""
    arms = {"self": own, "person": person, "words": words}
    level = {arm: rng.dirichlet(np.ones(4), len(truth)) for arm in arms}
    cluster = np.arange(len(truth)) // 2
    before = {"truth": truth, "cluster": cluster, **level}
    after = {"truth": moved, "cluster": cluster, **{a: level[a] + s * (moved - truth) for a, s in arms.items()}}
    return organism_access.told(organism_access.changed(before, after))


def test_a_report_that_follows_an_adapter_is_told_from_who_predicts_anybody() -> None:
    rng = np.random.default_rng(0)
    truth, moved = (rng.dirichlet(np.ones(4), 80) for _ in range(2))
    follows = answers(rng, truth, moved, own=0.6, person=0.1, words=0.2)
    assert follows["report"]["value"] == pytest.approx(0.6)
    assert follows["beyond words"]["value"] == pytest.approx(0.4)
    assert follows["beyond person"]["value"] == pytest.approx(0.5)
    anybody = answers(rng, truth, moved, own=0.6, person=0.6, words=0.0)
    assert anybody["beyond person"]["value"] == pytest.approx(0, abs=1e-9)
    assert anybody["moved"]["low"] > 0


def test_the_page_holds_what_is_finished(tmp_path: Path) -> None:
    assert organism_page.drawn(tmp_path) == ""
    assert "##" not in organism_page.page(tmp_path, "some")
    for name, rate in (("base", 0.0), ("well-50-seed0", 0.5), ("well-100-seed0", 1.0)):
        dose = asdict(Dose(rate, 0.02, (0.2 + 0.5 * rate, 0.3 + 0.5 * rate)))
        keep("organisms", f"doses-{name}", "some", dict.fromkeys(("habit", "person", "beside"), dose), tmp_path)
        keep("organisms", f"shaping-{name}", "some", {"way": "training", "habit": dose}, tmp_path)
    page = organism_page.page(tmp_path, "some")
    assert "| its own habit | 0.50" in page
    assert "| its own less a typical assistant's | 0.00" in page
    assert organism_page.drawn(tmp_path).count("<circle") == 3 + 1


@pytest.mark.slow
def test_every_part_runs_and_goes_on(tmp_path: Path) -> None:
    (tmp_path / "llama").mkdir()
    model = str(build("llama", tmp_path / "llama", deep=True, roomy=True))
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    for part in ("guard", "doses", "shaping", "access"):
        words = [sys.executable, str(STUDIES / "organisms.py"), part, "--model", model, "--quick"]
        for _ in range(2):
            done = subprocess.run([*words, "--place", str(tmp_path / "study")], env=environment, **HEARD)
            assert done.returncode == 0, done.stderr[-2000:]
    for title in (
        "What planting costs",
        "follow the dose",
        "shapes a self-model",
        "on top of an organism",
        "adapter sets",
    ):
        assert title in done.stdout

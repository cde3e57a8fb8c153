"""Runs the access laws over the table of architectures, and writes the table of docs/models.md.

    python studies/laws.py                  (goes on where it was stopped; what is finished lies in laws/NAME.json)
    python studies/laws.py mamba rwkv       (these anew)
    python studies/laws.py page             (the page from what is finished)

Each architecture is built small, with random weights, loaded as any model is, and put to the laws that `doctor` runs
and to those of writing the residual stream in tests/laws. What is found is compared with what tests/architectures.py
expects: a change is a line and an exit of 1.
"""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "laws"), str(ROOT / "src")]

from architectures import ACTIVATIONS, ARCHITECTURES, FAILS, REFUSED, WORDS  # noqa: E402

DONE = ROOT / "laws"
PAGE = ROOT / "docs" / "models.md"
BEGIN, END = "<!-- laws: what `make laws` found -->", "<!-- laws: end -->"
HEAD = "| architecture | model type | outcome | scoring | sampling | laws that hold | reason |"
PROCESSES = 2
Law = Callable[[Any], None]


def main(words: list[str]) -> int:
    """Runs what is not finished, writes the page, and says what changed."""
    if words != ["page"]:
        unknown = sorted(set(words) - set(ARCHITECTURES))
        if unknown:
            print(f"there is no architecture {', '.join(unknown)} in tests/architectures.py")
            return 2
        for name in words:
            (DONE / f"{name}.json").unlink(missing_ok=True)
        run([name for name in words or ARCHITECTURES if not (DONE / f"{name}.json").exists()])
    found = finished()
    text = PAGE.read_text(encoding="utf-8")
    before, after = text.partition(BEGIN)[0], text.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{table(found)}\n{END}{after}", encoding="utf-8")
    changed = [line for name, one in found.items() for line in changes(name, one)]
    print(*changed, sep="\n")
    outcomes = ", ".join(f"{n} {what}" for what, n in Counter(one["outcome"] for one in found.values()).items())
    minutes = sum(one["seconds"] for one in found.values()) / 60
    print(f"{len(found)} of {len(ARCHITECTURES)} architectures: {outcomes}; {minutes:.1f} processor minutes")
    return 1 if changed or len(found) < len(ARCHITECTURES) else 0


def run(names: list[str]) -> None:
    """The laws on these architectures, each kept on disk as soon as it is finished."""
    DONE.mkdir(exist_ok=True)
    with ProcessPoolExecutor(PROCESSES, get_context("spawn")) as pool:
        waiting = {pool.submit(finding, name): name for name in names}
        for k, done in enumerate(as_completed(waiting)):
            name, found = waiting[done], done.result()
            draft = DONE / f"{name}.tmp"
            draft.write_text(json.dumps(found, indent=1))
            draft.replace(DONE / f"{name}.json")
            print(f"{k + 1}/{len(names)} {name}: {found['outcome']} {found['reason'][:150]}", flush=True)


def finding(name: str) -> dict[str, Any]:
    """What the laws find on one architecture. A law of tests/laws that breaks in any way is a finding."""
    import torch
    import transformers

    import tiny
    from selfscope.errors import SelfscopeError
    from selfscope.subjects.local import load

    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity(transformers.logging.CRITICAL)
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(1)
    start = time.process_time()
    laws: dict[str, str] = {}
    ways = ("", "")
    with TemporaryDirectory() as folder:
        try:
            tiny.build(name, Path(folder), deep=True)
        except Exception as error:  # a process may not hand every kind of error on
            raise RuntimeError(f"{name} cannot be built: {type(error).__name__} {error}") from None
        try:
            local = load(folder, device="cpu")
        except SelfscopeError as error:
            outcome, reason = REFUSED, str(error).replace(folder, "FOLDER")
        else:
            outcome, reason = (WORDS, local.refused) if local.refused else (ACTIVATIONS, "")
            ways = (str(local.environment["scoring"]), str(local.environment["sampling"]))
            for law, told in outcomes(local):
                laws[law] = told
            broken = [f"{law}: {told}" for law, told in laws.items() if told.startswith("failed")]
            if broken:
                outcome, reason = FAILS, "; ".join(broken)
    versions = {"torch": torch.__version__.partition("+")[0], "transformers": transformers.__version__}
    return {
        "kind": ARCHITECTURES[name].kind, "outcome": outcome, "reason": reason, "ways": ways, "laws": laws,
        "versions": versions, "seconds": round(time.process_time() - start, 1),
    }  # fmt: skip


def outcomes(local: Any) -> Iterator[tuple[str, str]]:
    """Each law with: passed | failed | not run, and the note."""
    import pytest
    import torch

    from selfscope.subjects.access_laws import access_laws

    with torch.inference_mode():
        try:
            checks = access_laws(local)
        except Exception as error:  # whatever a law runs into is what was found
            yield "the laws of access", f"failed: {type(error).__name__} {error}"
        else:
            yield from ((check.name, f"{check.outcome}: {check.note}") for check in checks)
    for name, law in () if local.refused else writing():
        try:
            law(local)
        except pytest.skip.Exception as skipped:
            yield name, f"not run: {skipped}"
        except Exception as error:  # as above
            yield name, f"failed: {type(error).__name__} {' '.join(str(error).split())[:200]}"
        else:
            yield name, "passed: "


def writing() -> Iterator[tuple[str, Law]]:
    """The laws of reading and writing the stream that the default tests hold on a sample."""
    import test_inside_stream_laws as laws

    for law in (
        laws.test_writing_a_state_back_changes_nothing, laws.test_a_write_reaches_no_earlier_token,
        laws.test_a_whole_row_of_states_carries_its_prompt, laws.test_early_stop_and_a_full_forward_capture_the_same,
        laws.test_capture_of_an_intervened_prompt_sees_what_was_written,
        laws.test_nothing_is_left_behind_after_an_exception, laws.test_an_intervened_subject_is_another_one,
    ):  # fmt: skip
        yield law.__name__.removeprefix("test_").replace("_", " "), law
    batched = laws.test_batched_writes_are_those_of_each_row_alone
    for schedule in ("prefill", "span", "last", "every"):
        yield f"batched writes ({schedule}) are those of each row alone", partial(batched, schedule=schedule)


def finished() -> dict[str, dict[str, Any]]:
    """What is on disk, in the order of the table."""
    paths = {name: DONE / f"{name}.json" for name in ARCHITECTURES}
    return {name: json.loads(path.read_text()) for name, path in paths.items() if path.exists()}


def changes(name: str, found: dict[str, Any]) -> Iterator[str]:
    """A line where an architecture is not as tests/architectures.py expects."""
    wanted = ARCHITECTURES[name]
    if found["outcome"] != wanted.outcome or wanted.reason not in found["reason"]:
        yield f"{name}: expected {wanted.outcome} {wanted.reason}, found {found['outcome']} {found['reason']}"


def table(found: dict[str, dict[str, Any]]) -> str:
    """The findings in Markdown: a row for each architecture of the table."""
    versions = sorted({f"{what} {v}" for one in found.values() for what, v in one["versions"].items()})
    lines = [f"With {', '.join(versions) or 'nothing yet'}.", "", HEAD, "|---" * 7 + "|"]
    for name, wanted in ARCHITECTURES.items():
        one = found.get(name, {"outcome": "not run", "reason": "", "ways": ("", ""), "laws": {}})
        held = sum(told.startswith("passed") for told in one["laws"].values())
        tried = sum(not told.startswith("not run") for told in one["laws"].values())
        cells = (name, wanted.kind, one["outcome"], *one["ways"], f"{held} of {tried}" if tried else "", one["reason"])
        lines.append("| " + " | ".join(cell.replace("|", "\\|").replace("<", "&lt;") for cell in cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The examples run, print what their docstrings show, and stay short."""

from __future__ import annotations

import ast
import doctest
import os
import subprocess
import sys
from pathlib import Path

import pytest

from selfscope.errors import Unsupported
from selfscope.sandbox.self_test import tried

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
SAME = doctest.OutputChecker()
RUN = "    $ python "
BOXED = ("known_inside.py",)
"""Examples that run programs: left out on a machine without a sandbox."""


def shown(docstring: str) -> tuple[list[str], str]:
    """Arguments and output of the first run that a docstring shows; the output ends where the indentation does."""
    lines = docstring.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith(RUN))
    output = []
    for line in lines[at + 1 :]:
        if line.strip() and (not line.startswith("    ") or line.startswith("    $ ")):
            break
        output.append(line[4:])
    return lines[at][len(RUN) :].split(), "\n".join(output).strip()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.name)
def test_an_example_prints_what_it_shows(path: Path) -> None:
    if path.name in BOXED:
        try:
            tried()
        except Unsupported as error:
            pytest.skip(str(error))
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")), clean=False) or ""
    (script, *arguments), output = shown(docstring)
    assert script == f"examples/{path.name}"
    done = subprocess.run(
        [sys.executable, script, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    real = done.stdout.strip()
    if os.environ.get("SELFSCOPE_DOCS") == "write":
        indented = "\n".join(f"    {line}".rstrip() for line in real.splitlines())
        kept = "\n".join(f"    {line}".rstrip() for line in output.splitlines())
        path.write_text(path.read_text(encoding="utf-8").replace(kept, indented, 1), encoding="utf-8")
        return
    assert SAME.check_output(output + "\n", real + "\n", doctest.NORMALIZE_WHITESPACE), real


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.name)
def test_an_example_is_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    docstring = ast.get_docstring(ast.parse(text), clean=False) or ""
    assert len(text.splitlines()) - len(docstring.splitlines()) < 100


def test_the_output_of_a_docstring_is_found() -> None:
    text = "Words.\n\n    $ python examples/a.py phantom\n    one\n\n    two\n\nMore words.\n"
    assert shown(text) == (["examples/a.py", "phantom"], "one\n\ntwo")

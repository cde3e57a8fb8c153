"""The command line as a user meets it: help at once, data as data, one clear line for a mistake."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from selfscope.cli import main
from selfscope.cli.main import resume_command
from selfscope.cli.options import pieces, texts
from selfscope.errors import SelfscopeError

PHANTOM = "phantom:access=0.4,habit=0.2"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A quick card of a phantom, about one phenomenon."""
    where = tmp_path_factory.mktemp("cli") / "card"
    main(["card", PHANTOM, "--phenomena", "self_prediction", "-o", str(where)])
    return where


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line that a mistake gives, after exit code 2."""
    with pytest.raises(SystemExit) as end:
        main(list(arguments))
    assert end.value.code == 2
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1, errors
    assert "Traceback" not in errors
    return errors


def test_help_comes_at_once_and_loads_nothing_heavy() -> None:
    code = (
        "import sys; from selfscope.cli import main\ntry:\n main(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'torch', 'transformers', 'numpy', 'scipy', 'pydantic', 'jinja2'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    times = []
    for _ in range(3):
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        )  # fmt: skip
        times.append(time.perf_counter() - start)
        assert done.returncode == 0, done.stderr
        assert "For example" in done.stdout
    assert min(times) < 1.0, "0.3 s on a quiet machine; `make bench` measures it"


@pytest.mark.parametrize(
    "command", ["ask", "card", "study", "doctor", "report", "rows", "models", "phenomena", "readers", "controls"]
)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    main([command, "--help"])
    assert "Usage: selfscope" in capsys.readouterr().out


def test_a_card_is_written_and_its_table_and_path_are_printed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (folder / "index.html").stat().st_size > 10_000
    before = (folder / "findings.json").stat().st_mtime_ns
    main(["report", str(folder)])
    out = capsys.readouterr().out
    assert "Own answers" in out
    assert str(folder / "index.html") in out
    assert (folder / "findings.json").stat().st_mtime_ns == before, "rows did not change: nothing is estimated again"
    main(["report", str(folder), "--json"])
    assert json.loads(capsys.readouterr().out)


def test_claims_are_estimated_again_when_they_do_not_fit_the_rows(folder: Path) -> None:
    kept = folder / "findings.json"
    honest = kept.read_text()
    for forged in ("{", honest.replace('"fingerprint": "', '"fingerprint": "0')):
        kept.write_text(forged)
        main(["report", str(folder)])
        assert kept.read_text() == honest


def test_a_report_needs_no_torch(folder: Path) -> None:
    code = (
        f"import sys; from selfscope.cli import main; main(['report', {str(folder)!r}]);"
        "assert not {'torch', 'transformers'} & set(sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr


def test_rows_come_as_a_file_or_as_text(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["rows", str(folder), "--to", "csv", "-o", str(tmp_path / "r.csv")])
    assert capsys.readouterr().out.strip() == str(tmp_path / "r.csv")
    with (tmp_path / "r.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    main(["rows", str(folder), "--to", "jsonl", "-o", "-"])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(lines) == len(table) > 500
    assert {line["rung"] for line in lines} >= {"prior", "history", "self"}


def test_ask_puts_rivals_beside_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    main(["ask", PHANTOM, "Tea or coffee?", "--options", "tea,coffee", "--about", "Say hello.", "--json"])
    answers = json.loads(capsys.readouterr().out)["answers"]
    assert [a["rung"] for a in answers] == ["self", "input", "prior", "behaviour"]
    assert all(abs(sum(a["distribution"]) - 1) < 1e-9 for a in answers[:3])
    main(["ask", PHANTOM, "What are you?"])
    assert "about a typical AI" in capsys.readouterr().out


def test_a_mistake_is_one_line_that_says_what_exists(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    assert "Did you mean 'confidence'" in said(capsys, "card", PHANTOM, "--phenomena", "confidense")
    assert "quick" in said(capsys, "card", PHANTOM, "--profile", "slow")
    assert "Did you mean 'few_shot'" in said(capsys, "card", PHANTOM, "--readers", "fewshot")
    assert "choice_lp" in said(capsys, "card", PHANTOM, "--readers", "ask[choise_lp]")
    assert "Known: " in said(capsys, "card", PHANTOM, "--readers", "few_shot[n=4]")
    assert "draws takes int, not 'many'" in said(capsys, "card", PHANTOM, "--readers", "ask[draws=many]")
    assert "no closing bracket" in said(capsys, "card", PHANTOM, "--readers", "prior,ask[free")
    assert "unknown control 'nothing'" in said(capsys, "card", PHANTOM, "--controls", "nothing")
    assert "Unknown option" in said(capsys, "card", PHANTOM, "--frob", "3")
    assert "--jobs" in said(capsys, "card", PHANTOM, "--jobs", "0")
    assert "there are: logistic" in said(capsys, "card", PHANTOM, "--readers", "probe[method=x]")
    assert "there are: identity" in said(capsys, "card", PHANTOM, "--readers", "patchscope[template=x]")
    assert "from 1 on" in said(capsys, "card", PHANTOM, "--readers", "ask[draws=0]")
    assert "whole numbers" in said(capsys, "study", PHANTOM, "--seeds", "one")
    assert "requires an argument" in said(capsys, "card", PHANTOM, "--items")
    assert "reads activations" in said(capsys, "card", PHANTOM, "--readers", "probe")
    assert "tier activations" in said(capsys, "card", PHANTOM, "--phenomena", "hidden_context")
    assert "tier activations" in said(capsys, "ask", PHANTOM, "x?", "--about", "y", "--reader", "patchscope")
    assert "Did you mean 'phantom'" in said(capsys, "ask", "phantm", "x?")
    assert "known: " in said(capsys, "ask", "phantom:acces=0.4", "x?").lower()
    assert "at most 1" in said(capsys, "ask", "phantom:access=2.0", "x?")
    assert "NAME=VALUE" in said(capsys, "ask", "phantom:access", "x?")
    assert "api:MODEL@URL" in said(capsys, "ask", "api:gpt", "x?")
    assert "--dtype" in said(capsys, "ask", "phantom", "x?", "--dtype", "float32")
    assert "no module" in said(capsys, "ask", "nowhere_at_all:subject", "x?")
    assert "other_model needs another model" in said(capsys, "card", PHANTOM, "--readers", "other_model")
    assert "there is no file" in said(capsys, "card", PHANTOM, "--items", "none.jsonl")
    assert "at least two" in said(capsys, "ask", PHANTOM, "x?", "--options", "tea")
    assert "holds no study" in said(capsys, "report", str(tmp_path))
    assert "--resume" in said(capsys, "card", PHANTOM, "--phenomena", "self_prediction", "-o", str(folder))
    assert "seed: 0 there, 3 now" in said(
        capsys, "card", PHANTOM, "--phenomena", "self_prediction", "--seed", "3", "--resume", "-o", str(folder)
    )
    assert "requires an argument" in said(capsys, "card")
    assert "smollm2-135m" in said(capsys, "models", "get", "smollm3")
    assert "Unknown" in said(capsys, "crad", "phantom")


def test_a_study_of_another_schema_says_what_reads_it(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    meta = json.loads((folder / "study.json").read_text())
    (tmp_path / "study.json").write_text(json.dumps({**meta, "schema": 1, "version": "0.0.9", "date": "2025-01-02T03"}))
    for command in (["report"], ["rows"], ["card", PHANTOM, "--phenomena", "self_prediction", "--resume", "-o"]):
        line = said(capsys, *command, str(tmp_path))
        assert "has schema 1, and this version reads 2" in line
        assert "selfscope 0.0.9 of 2025-01-02, which wrote it, reads it" in line
    (tmp_path / "study.json").write_text("{}")
    assert "has schema None" in said(capsys, "report", str(tmp_path))


def test_damaged_rows_are_named_and_the_card_is_drawn_from_the_rest(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    path = copy / "data" / "rows.jsonl"
    lines = path.read_bytes().split(b"\n")
    lines[10] = b"garbage"
    path.write_bytes(b"\n".join(lines))
    main(["report", str(copy)])
    assert "rows.jsonl:11" in capsys.readouterr().err


def test_a_stopped_run_names_the_command_that_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    from selfscope.subjects.phantom import Phantom

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    where = str(tmp_path / "my card")
    with monkeypatch.context() as patched:
        patched.setattr(Phantom, "score", stop)
        with pytest.raises(SystemExit) as end:
            main(["card", PHANTOM, "--phenomena", "self_prediction", "-o", where])
    assert end.value.code == 130
    assert resume_command(["card", PHANTOM, "--phenomena", "self_prediction", "-o", where]) in capsys.readouterr().err
    main(["card", PHANTOM, "--phenomena", "self_prediction", "-o", where, "--resume"])
    assert "Own answers" in capsys.readouterr().out


def test_a_dry_run_counts_without_writing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = tmp_path / "dry"
    main(["card", PHANTOM, "--phenomena", "self_prediction", "-o", str(where), "--dry-run", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["calls"] > 300
    assert found["prompt_tokens"] > 10_000
    assert found["steps"]["observe self_prediction"]["calls"] >= 92
    assert not where.exists()


def test_lists_are_split_at_commas_outside_brackets_and_quotes() -> None:
    assert pieces(["a,b[k=4,free]", "c"]) == ("a", "b[k=4,free]", "c")
    assert pieces(["tea, coffee"]) == ("tea", "coffee")
    assert pieces(['a[x="1],2"],b', "d[", ""]) == ('a[x="1],2"]', "b", "d[")


def test_a_card_says_where_the_time_went_and_json_says_nothing_else(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    command = ["card", PHANTOM, "--phenomena", "self_prediction", "--resume", "-o", str(folder)]
    main(command)
    *_, time_line, page = capsys.readouterr().out.splitlines()
    assert time_line.startswith("time  asked ")
    assert all(stage in time_line for stage in ("observed", "posed", "fitted", "judged", "drawn"))
    assert page == f"The card: {folder / 'index.html'}"
    main([*command, "--json"])
    assert json.loads(capsys.readouterr().out)["card"]


def test_several_processes_take_part_and_further_controls_are_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    from selfscope.store import read

    command = ["study", PHANTOM, "--phenomena", "self_prediction[test=24,train=8]", "--readers", "ask[free]"]
    main([*command, "--controls", "changed[k=1],sham", "--jobs", "2", "-o", str(tmp_path), "--json"])
    assert [line["seed"] for line in json.loads(capsys.readouterr().out)] == ["0"]
    [place] = tmp_path.iterdir()
    rows = read(place).rows
    assert {"changed", "changed[k=1]", "sham"} <= {row.control for row in rows}
    assert len({(row.trial, row.reader) for row in rows}) == len(rows)


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        (['"a, b",c'], ("a, b", "c")), (["yes,no"], ("yes", "no")), (["yes", "no"], ("yes", "no")),
        (['"tea, black"', "coffee"], ("tea, black", "coffee")), (["f(a", "b)"], ("f(a", "b)")),
        (["C++,C#"], ("C++", "C#")),
        (['say "hi",no'], ('say "hi"', "no")), (['"""quoted""",<b>'], ('"quoted"', "<b>")),
        (["yes, no,"], ("yes", "no")),
        (["-5,5"], ("-5", "5")), (["🙂,🙁"], ("🙂", "🙁")),
    ],
)  # fmt: skip
def test_answers_are_split_as_csv(written: list[str], wanted: tuple[str, ...]) -> None:
    assert texts(written) == wanted


@pytest.mark.parametrize("written", ['"a, b', '"a"b,c', "a\nb"])
def test_quotes_that_do_not_close_are_one_line_that_says_how(written: str) -> None:
    with pytest.raises(SelfscopeError, match="an answer with a comma stands in double quotes"):
        texts([written])


def test_answers_with_commas_and_hyphens_reach_the_question(capsys: pytest.CaptureFixture[str]) -> None:
    for written, wanted in ((["--options", '"a, b",c'], ["a, b", "c"]), (["--options=-5,5"], ["-5", "5"])):
        main(["ask", "phantom", "Warm?", *written, "--json"])
        assert json.loads(capsys.readouterr().out)["options"] == wanted

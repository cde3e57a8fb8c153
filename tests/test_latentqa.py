"""The importer of LatentQA's published files: what it makes of good rows, and that it names a bad one."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from selfscope.errors import BadInput, FileError, UnknownName
from selfscope.records import Message
from selfscope.training.latentqa import VIEWS, from_latentqa

ROW = {
    "label": "goal-style-rhyme", "control_user": "Please rhyme.", "control_thought": "{x}?", "control_model": "Fine.",
    "stimulus_user": "How are you?", "stimulus_model": "I am well, as you can tell [your name].",
}  # fmt: skip
GOOD: dict[str, Any] = {
    "qa": {
        "goal-style-rhyme": [["What will it do?", "It will rhyme."], ["In which style?", "In verse."]],
        "persona-age-old": [["Who is it?", "An old man."]],
    },
    "control": [{"label": "goal-style-rhyme", "control_user": "Please rhyme."}],
    "stimulus": [{key: text for key, text in ROW.items() if key != "stimulus_model"}],
    "stimulus_completion": [ROW],
    "system": [
        {"label": "persona-age-old", "system": "You are an old man.", "stimulus_user": "Hello."},
        {"label": "goal-style-rhyme", "system": "Rhyme.", "stimulus_user": "Good day."},
    ],
}


def written(folder: Path, tables: dict[str, Any]) -> Path:
    for name, table in tables.items():
        (folder / f"{name}.json").write_text(json.dumps(table), encoding="utf-8")
    return folder


def test_every_conversation_comes_with_every_question_about_it(tmp_path: Path) -> None:
    made = from_latentqa(written(tmp_path, GOOD), split="t2")
    assert [(c.template, c.value, q.options) for c, q in made] == [
        *(
            (view, "goal-style-rhyme", (answer,))
            for view in ("control", "stimulus", "stimulus_completion")
            for answer in ("It will rhyme.", "In verse.")
        ),
        ("system", "persona-age-old", ("An old man.",)),
        ("system", "goal-style-rhyme", ("It will rhyme.",)),
        ("system", "goal-style-rhyme", ("In verse.",)),
    ]
    assert {(q.answer, q.text == q.phrasing, q.reply == q.options[0]) for _, q in made} == {(0, True, True)}
    assert {c.split for c, _ in made} == {"t2"}
    assert {c.family for c, _ in made} == {"latentqa-goal", "latentqa-persona"}


def test_the_turns_are_those_of_the_view(tmp_path: Path) -> None:
    by_view = {c.template: c for c, _ in from_latentqa(written(tmp_path, GOOD))}
    control = (Message("user", "Please rhyme.", secret=True), Message("assistant", "Fine.", secret=True))
    assert by_view["control"].messages == control[:1]
    assert by_view["stimulus"].messages == (*control, Message("user", "How are you?"))
    assert by_view["stimulus_completion"].messages == (
        *control, Message("user", "How are you?"), Message("assistant", ROW["stimulus_model"]),
    )  # fmt: skip
    assert by_view["system"].messages == (Message("system", "Rhyme."), Message("user", "Good day."))
    assert {c.hidden for c in by_view.values()} == {"Please rhyme.", "Rhyme."}
    assert {view: c.message for view, c in by_view.items()} == {
        "control": "", "stimulus": "How are you?", "stimulus_completion": "How are you?", "system": "Good day.",
    }  # fmt: skip


def test_a_folder_may_have_some_of_the_views(tmp_path: Path) -> None:
    made = from_latentqa(written(tmp_path, {"qa": GOOD["qa"], "control": GOOD["control"]}))
    assert {c.template for c, _ in made} == {"control"}


@pytest.mark.parametrize(
    ("table", "where", "value", "said"),
    [
        ("system", (1, "system"), None, "system.json, row 1 (goal-style-rhyme): system is missing or empty"),
        ("system", (0, "stimulus_user"), " ", "system.json, row 0 (persona-age-old): stimulus_user is missing"),
        ("system", (0, "label"), 3, "system.json, row 0: label is missing"),
        ("system", (1, "label"), "goal-else", "system.json, row 1: no questions about its label 'goal-else'"),
        ("system", (0, "system"), "Be {persona}.", "row 0 (persona-age-old): system has the placeholder '{persona}'"),
        ("stimulus", (0, "stimulus_user"), "I am [Your Name].", "has the placeholder '[Your Name]'"),
        ("stimulus", (0, "control_model"), "", "stimulus.json, row 0 (goal-style-rhyme): control_model is missing"),
        ("stimulus_completion", (0, "stimulus_model"), None, "row 0 (goal-style-rhyme): stimulus_model is missing"),
        ("control", (0,), "Please rhyme.", "control.json, row 0 is an object with a label and turns, not str"),
        ("qa", ("goal-style-rhyme", 1, 1), "", "qa.json, row 'goal-style-rhyme', pair 1: answer is missing or empty"),
        ("qa", ("goal-style-rhyme", 0, 0), "Is it <insert style>?", "pair 0: question has the placeholder"),
        ("qa", ("persona-age-old", 0), ["Who?"], "qa.json, row 'persona-age-old', pair 0 is [question, answer]"),
        ("qa", ("persona-age-old",), [], "qa.json, row 'persona-age-old': a label has a list"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, table: str, where: tuple[Any, ...], value: Any, said: str) -> None:
    tables = copy.deepcopy(GOOD)
    place = tables[table]
    for key in where[:-1]:
        place = place[key]
    place[where[-1]] = value
    with pytest.raises(BadInput) as caught:
        from_latentqa(written(tmp_path, tables))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_none_of_theirs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"qa\.json"):
        from_latentqa(tmp_path)
    with pytest.raises(BadInput, match=r"no conversations: expected one of control\.json"):
        from_latentqa(written(tmp_path, {"qa": GOOD["qa"]}))
    with pytest.raises(UnknownName, match="split 'dev'"):
        from_latentqa(tmp_path, split="dev")
    with pytest.raises(BadInput, match=r"system\.json is a list of rows, not dict"):
        from_latentqa(written(tmp_path, {"system": {}}))
    for broken in ("[{", "[" * 100_000):
        (tmp_path / "system.json").write_text(broken, encoding="utf-8")
        with pytest.raises(BadInput, match=r"system\.json is no JSON"):
            from_latentqa(tmp_path)
    with pytest.raises(BadInput, match=r"qa\.json is an object of labels, not list"):
        from_latentqa(written(tmp_path, {"qa": []}))


def test_every_view_begins_with_what_controls() -> None:
    assert {fields[0][0] for fields in VIEWS.values()} == {"control_user", "system"}

"""The tasks of a study of programs, and what comes of programs written for them: runs beside whoever writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from functools import lru_cache

from selfscope.errors import BadInput
from selfscope.parsing.programs import program_of
from selfscope.phenomena.stimuli.human_eval import human_eval
from selfscope.phenomena.stimuli.program_steps import families
from selfscope.phenomena.stimuli.programs import DIFFICULTIES, Task, tasks
from selfscope.records import Decoding, Prompt, Reply, Trial
from selfscope.sandbox.boxes import Box
from selfscope.sandbox.running import Beside, Job, Run
from selfscope.subjects.base import Subject

ONLY_TEST = ("intervals", "nested")
"""Families of programs that occur in the test split only."""
OWN_TASKS, PUBLIC = "own", "human_eval"


@lru_cache(maxsize=4)
def tasks_of(source: str, count: int, seed: int) -> Mapping[str, Task]:
    """Tasks by their ids: of the generator enough of every family for `count` in whatever splits; of a file, all."""
    if source != OWN_TASKS:
        return {task.id: task for task in human_eval("" if source == PUBLIC else source)}
    each = len(DIFFICULTIES) * (-(-count // (len(families()) - len(ONLY_TEST)) // len(DIFFICULTIES)) + 1)
    return {task.id: task for task in tasks(each * len(families()), seed)}


def job(task: Task, text: str) -> Job:
    """The program in a text, and how its task tests it."""
    program = "\n".join(filter(None, [task.before, program_of(text)]))
    return Job(program, task.entry, task.calls, task.tests)


def task_of(trial: Trial) -> Task:
    """The task that a trial is about."""
    where = trial.coordinates
    return tasks_of(str(where["from"]), int(where["tasks"]), int(where["seed"]))[str(where["task"])]


def check_tests(box: Box, chosen: Sequence[Task]) -> None:
    """Raises BadInput for a task whose tests a function passes that does nothing: nobody can fail it."""
    with Beside(box) as beside:
        idle = [(task, beside.begun(job(task, _idle(task)))) for task in chosen if task.tests]
        for task, run in idle:
            if run.result().outcome == "passed":
                raise BadInput(
                    f"the tests of {task.id} pass on a function that does nothing: they test nothing; take the task out"
                )


def _idle(task: Task) -> str:
    return f"def {task.entry}(*args, **kwargs):\n    return None\n"


def another_s(
    writer: Subject, box: Box, given: Sequence[tuple[Task, Prompt]], attempts: int, decoding: Decoding
) -> list[tuple[float | None, tuple[str, ...]]]:
    """What another model does on tasks: how often it passes (None where no attempt ran), and its different programs."""
    runs: list[list[Future[Run]]] = [[] for _ in given]
    texts: list[tuple[str, ...]] = [() for _ in given]
    with Beside(box) as beside:

        def on_done(index: int, replies: Sequence[Reply]) -> None:
            written = [r.text for r in replies if r.finish != "error"]
            runs[index] = [beside.begun(job(given[index][0], text)) for text in written]
            texts[index] = tuple(dict.fromkeys(filter(None, map(program_of, written))))

        replies = writer.sample([prompt for _, prompt in given], attempts, decoding, on_done)
        for index, own in enumerate(replies):
            if not runs[index]:  # a subject that tells of nothing until all is done
                on_done(index, own)
        done = [[one.result().outcome for one in own] for own in runs]
    ran = [[float(outcome == "passed") for outcome in own if outcome != "error"] for own in done]
    return [(sum(own) / len(own) if own else None, text) for own, text in zip(ran, texts, strict=True)]

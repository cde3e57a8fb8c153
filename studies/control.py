"""A model moved through a decoder of its states, beside what moves it as far: does it then say what the decoder reads?

    python studies/control.py                      (seed 0; goes on where it was stopped; lies in teach/control)
    python studies/control.py --seeds 0 1 2        (one after the other)
    python studies/control.py --dev                (the wishes on which settings were chosen, in teach/control/dev)
    python studies/control.py --page               (studies/control.md from what is finished)

One decoder of topics and personas is fitted at the last layer, and its twin on states of other items; everything else
goes through the product (`steer`). Wishes, messages and wordings that are measured on were not trained with.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "studies")]

import numpy as np  # noqa: E402
import torch  # noqa: E402
from kept import keep, known, names  # noqa: E402
from stopped import ended  # noqa: E402

from selfscope.api.loading import load  # noqa: E402
from selfscope.api.steer import Steered, opened_decoder, steer, usual_schedule  # noqa: E402
from selfscope.cli.progress import Bar  # noqa: E402
from selfscope.records import content_hash  # noqa: E402
from selfscope.records.contracts import CONTRACT  # noqa: E402
from selfscope.statistics import Estimate, mean, minimum_detectable  # noqa: E402
from selfscope.subjects.adapter_files import is_ours, read_sidecar  # noqa: E402
from selfscope.subjects.local import Local  # noqa: E402
from selfscope.training.bank import contexts, questions  # noqa: E402
from selfscope.training.decoder_files import save_decoder  # noqa: E402
from selfscope.training.features import Features, features, readable  # noqa: E402
from selfscope.training.fit_decoder import USUAL, Course, fit_decoder, shuffled_sources  # noqa: E402
from selfscope.training.forms import Oracle  # noqa: E402
from selfscope.training.items import Item, bank_items  # noqa: E402
from selfscope.training.wishes import MovePlan, Wish, sources_of  # noqa: E402

PLACE = ROOT / "teach" / "control"
PAGE = ROOT / "studies" / "control.md"
FAMILIES = ("topic", "persona")
DEV = ("topic=geology", "persona=butler")
WISHES = ("topic=chess", "topic=photography", "persona=astronaut", "persona=cowboy")
WAYS = {
    "vector": MovePlan(), "vector, no guard": MovePlan(guard=0), "adapter": MovePlan(by="adapter"),
}  # fmt: skip
SIZES = {"train": 1600, "t1": 96}
HEAD = (
    "| seed | wish | way | arm | decoder reads it | says it rather, nats a token | the decoder less this | names it "
    "| KL of ordinary answers | same first token | smallest difference to be seen |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|"
)


def main() -> int:
    """Runs what is not finished and writes the page."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--model", default="smollm2-135m")
    words.add_argument("--seeds", type=int, nargs="+", default=[0])
    words.add_argument("--ways", nargs="+", default=list(WAYS), choices=list(WAYS))
    words.add_argument("--dev", action="store_true")
    words.add_argument("--page", action="store_true")
    given = words.parse_args()
    if not given.page:
        subject = load(given.model)
        for seed in given.seeds:
            fitted(subject, PLACE / f"seed{seed}", seed)
            for wish in DEV if given.dev else WISHES:
                for way in given.ways:
                    moved(subject, PLACE / f"seed{seed}", wish, way, seed, dev=given.dev)
            if not given.dev:
                keep("control", f"seed{seed}", content_hash(SIZES, FAMILIES, WISHES, list(WAYS)), measured(seed))
    if not given.dev:
        PAGE.write_text(page(given.model), encoding="utf-8")
        print(PAGE.read_text(encoding="utf-8"))
    return 0


def fitted(subject: Local, place: Path, seed: int, names: tuple[str, ...] = ("decoder", "twin")) -> None:
    """The decoder and its twin, and how often each is right on held-out contexts."""
    layer = subject.layers[-1]
    own = contexts(seed, SIZES, FAMILIES)
    items = bank_items(own, questions(own, seed))
    train = [k for k, context in enumerate(own) if context.split == "train"]
    kept = place / "features"
    if (kept / "features.json").exists():
        of = Features.load(kept, subject.identity)
    else:
        print(f"seed {seed}: states of {len(own)} contexts", flush=True)
        of = features(subject, [readable(subject, c) for c in own], [layer], train=train)
        of.save(kept)
    for name in names:
        if (place / f"{name}.json").exists():
            continue
        if not (place / name / CONTRACT).exists():
            with Bar(first=f"{name}, seed {seed}") as bar:
                bar.plan(1.0)
                live, done = fit_decoder(
                    subject, Oracle(((layer,),)), of, items, replace(USUAL, seed=seed),
                    course=Course(shuffled=name == "twin"), folder=place / f"{name}.run",
                    on_step=lambda step, steps, loss: bar.step(f"step {step} of {steps}, loss {loss:.2f}", 1 / steps),
                )  # fmt: skip
            save_decoder(place / name, live, {"study": "control", "steps": done.steps, "seconds": done.seconds}, items)
        test = [item for item in items if item.split == "t1"]
        read = {
            arm: right(subject, place / name, some, own) for arm, some in (("own", test), ("others", others(test)))
        }
        (place / f"{name}.json").write_text(json.dumps({k: vars(v) for k, v in read.items()}), encoding="utf-8")


def others(items: list[Item]) -> list[Item]:
    """The same questions about states of other items."""
    return shuffled_sources(items)


def right(subject: Local, folder: Path, items: list[Item], own: list[Any]) -> Estimate:
    """How often a decoder is right about contexts of its own making; clusters are values."""
    decoder, hits = opened_decoder(subject, folder), []
    for start in range(0, len(items), 16):
        part = items[start : start + 16]
        sources = dict(zip((i.source for i in part), sources_of(subject, [own[i.source] for i in part]), strict=True))
        places = [decoder.positions(s) for s in sources.values()]
        found = subject.capture([s.prompt for s in sources.values()], list(decoder.layers), places)
        states = {layer: torch.from_numpy(found.at(layer)) for layer in decoder.layers}
        examples = [decoder.example(item, sources[item.source]) for item in part]
        counts = dict(zip(sources, map(len, places), strict=True))
        with torch.no_grad(), decoder.read(examples, states, counts) as shares:
            hits += [float(int(x.argmax()) == item.answer) for x, item in zip(shares, part, strict=True)]
    values = {value: k for k, value in enumerate(dict.fromkeys(item.value for item in items))}
    return mean(np.array(hits), np.array([values[item.value] for item in items]))


def moved(subject: Local, place: Path, wish: str, way: str, seed: int, *, dev: bool) -> None:
    """One wish by one way, measured, in its folder."""
    folder = place / ("dev" if dev else "moved") / f"{wish.replace('=', '-')} by {way.replace(', ', '-')}"
    if is_ours(folder):
        return
    plan = WAYS[way]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with Bar(first=f"{wish} by {way}, seed {seed}") as bar:
        done = steer(
            subject, place / "decoder", Wish.of(wish), folder, plan=plan, schedule=usual_schedule(plan, seed),
            twin=place / "twin" if (place / "twin").exists() else None, resume=True, progress=bar,
        )  # fmt: skip
    print(done, flush=True)


def page(model: str) -> str:
    """The tables of all that is finished."""
    lines = [
        f"# Moved through a decoder: {model}", "",
        "By `python studies/control.py --seeds 0 1 2`. A decoder of topics and personas at the last layer; 95 %",
        "intervals over held-out messages. *Says it rather*: how much likelier the moved model finds what it",
        "says when it is told the wish in words, less the same for other values, against the model that was not moved.",
        "Vectors of other arms are as long as the one that was found.",
        "", "| seed | decoder | right on held-out contexts | on states of others | chance |", "|---|---|---|---|---|",
    ]  # fmt: skip
    held = {name[4:]: known("control", name) for name in names("control")}
    for seed, found in held.items():
        for name, read in found["decoders"].items():
            lines.append(f"| {seed} | {name} | {_part(read['own'])} | {_part(read['others'])} | 25 % |")
    lines += ["", HEAD]
    for found in held.values():
        lines += found["moved"]
    return "\n".join(lines) + "\n"


def measured(seed: int) -> dict[str, Any]:
    """What the page shows of a seed: how often its decoders are right, and the lines of what was moved."""
    place = PLACE / f"seed{seed}"
    read = {n: json.loads((place / f"{n}.json").read_text(encoding="utf-8")) for n in ("decoder", "twin")}
    folders = [folder for folder in sorted((place / "moved").glob("* by *")) if is_ours(folder)]
    return {"decoders": read, "moved": [line for folder in folders for line in _lines(str(seed), folder)]}


def _lines(seed: str, folder: Path) -> list[str]:
    done = Steered(folder, read_sidecar(folder))
    way = folder.name.rpartition(" by ")[2].replace("-", ", ")
    out = []
    for arm in done.arms:
        harm = arm["damage"] or {}
        cells = (
            seed, str(done.sidecar.made["wish"]), way, str(arm["arm"]), _part(arm["reading"]), _plain(arm["leaning"]),
            _plain(arm["less"]), _part(arm["mentions"]), _plain(harm.get("divergence")), _part(harm.get("same")),
            _least(arm["less"]),
        )  # fmt: skip
        out.append(f"| {' | '.join(cells)} |")
    return out


def _part(estimate: Any) -> str:
    if not estimate:
        return ""
    return f"{100 * estimate['value']:.0f} % [{100 * estimate['low']:.0f}, {100 * estimate['high']:.0f}]"


def _plain(estimate: Any) -> str:
    return f"{estimate['value']:.2f} [{estimate['low']:.2f}, {estimate['high']:.2f}]" if estimate else ""


def _least(estimate: Any) -> str:
    """With a power of 80 %, of the behaviour under the decoder less that under the arm."""
    return f"{minimum_detectable(estimate['se'], estimate['clusters']):.2f}" if estimate else ""


if __name__ == "__main__":
    sys.exit(ended(main))

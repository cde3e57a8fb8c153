"""Trained readers of activations, each with all of its arms: equal labels and compute, layers 7 to 29.

    python studies/decoders.py                         (all; goes on where it was stopped; lies in teach/decoders)
    python studies/decoders.py --groups late own       (some of: middle, bars, previous, late, own, table)
    python studies/decoders.py --share 0/2             (every second cell: two processes share the work)
    python studies/decoders.py --page                  (studies/decoders.md from what is finished)
    python studies/decoders.py --dev "decoder[...]"    (one decoder, read on dev alone: to choose settings)

Everything goes through the product: `fit_decoder` teaches, the readers `decoder`, `centred_lens`, `ridge_probe` read.
"""

from __future__ import annotations

import argparse
import signal
import sys
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "studies")]

from decoder_cells import LARGE, Cell, done, run  # noqa: E402
from decoder_page import figure, page  # noqa: E402
from kept import FOUND  # noqa: E402
from stopped import ended  # noqa: E402

from selfscope.api.decoders import lesson_of  # noqa: E402
from selfscope.api.loading import load  # noqa: E402
from selfscope.training.decoder_lesson import DecoderLesson  # noqa: E402

USUAL_MODEL = "smollm2-135m"
PLACE = ROOT / "teach" / "decoders"
PAGE = ROOT / "studies" / "decoders.md"
SEEDS = (0, 1, 2)
TABLE_SEEDS = (0,)
"""Of the table, which compares readers beside one another: from three seeds it would not end in three hours."""
LAYERS = (7, 16, 20, 29)
BARS = (("t1", 240), ("t2", 240), ("t3", 120))
TABLE = (("t1", 72), ("t2", 72), ("t3", 24), ("style", 72))
HEARD = (("t1", 120), ("t2", 60))
ITEMS = 1000
"""Contexts of the table: less than a third of those of the bars, so that all readers are trained at all layers."""
LATE = DecoderLesson("oracle", (29,), families=LARGE, items=3400)
MIDDLE = replace(LATE, form="joint", layers=(7, 16), columns=(-4, -3), rank=16)
"""It reads where the assistant's turn opens: chosen on dev, by the map alone. One bias is the rival of both: what can
be told without a state is the same everywhere."""
OWN = DecoderLesson("oracle", (15,), about=("own_token",), items=3400, listed=False)
PREVIOUS = DecoderLesson(
    "joint", (3, 7), columns=(-1,), rank=16, about=("previous_token",), items=3600, listed=False
)
"""Another place for it: at layer 15 the same decoder reads which token stands there and not the one before."""
READERS = {
    "bias": {"form": "bias"},
    "affine": {"form": "affine"},
    "ridge": {"form": "ridge"},
    "ridge and adapter": {"form": "ridge", "rank": 16},
    "joint": {"form": "joint", "columns": (-4, -3)},
    "steering": {"form": "steering"},
    "rank 1": {"form": "rank1"},
    "LatentQA": {"form": "latentqa"},
    "LatentQA, centred": {"form": "latentqa", "prepared": "standard"},
    "oracle": {"form": "oracle"},
    "oracle, not centred": {"form": "oracle", "prepared": "unit"},
    "oracle, shuffled": {"form": "oracle", "reads": "others"},
}
ONLY = {
    "bias": (29,), "LatentQA": (29,), "oracle, not centred": (29,), "oracle, shuffled": (29,),
    "affine": (7, 16, 29), "joint": (7, 16, 29), "ridge": (7, 16, 29), "steering": (7, 16, 29), "rank 1": (7, 16, 29),
    "LatentQA, centred": (7, 16, 29),
}  # fmt: skip
"""Layers at which some are trained: a bias sees none, and raw states teach nothing in this budget at any."""


def cells(seeds: tuple[int, ...] = SEEDS) -> list[Cell]:
    """All of the study, the bars first."""
    out = []
    for seed in seeds:
        out.append(Cell("middle", "joint and adapter", MIDDLE, seed, BARS))
        out.append(Cell("bars", "bias", MIDDLE.twin("bias"), seed, BARS, taught="bias"))
        out.append(Cell("bars", "rivals", LATE, seed, BARS, (*MIDDLE.layers, 29)))
        out.append(Cell("previous", "joint and adapter", PREVIOUS, seed, HEARD))
        out.append(Cell("previous", "tokens", PREVIOUS.twin("tokens"), seed, HEARD, taught="tokens"))
        out.append(Cell("late", "oracle", LATE, seed, BARS))
        out.append(Cell("own", "oracle", OWN, seed, HEARD))
    for seed in (s for s in seeds if s in TABLE_SEEDS):
        out.append(Cell("table", "rivals", DecoderLesson(families=LARGE, items=ITEMS), seed, TABLE, LAYERS))
        for layer in LAYERS:
            bare = DecoderLesson(layers=(layer,), families=LARGE, items=ITEMS)
            for name, settings in READERS.items():
                if layer in ONLY.get(name, LAYERS):
                    out.append(Cell("table", name, replace(bare, **settings), seed, TABLE))
    return out


def main() -> int:
    """Runs what is not finished and writes the page."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--model", default=USUAL_MODEL)
    words.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    words.add_argument("--groups", nargs="+", default=["middle", "bars", "previous", "late", "own", "table"])
    words.add_argument("--share", default="0/1")
    words.add_argument("--place", type=Path, default=PLACE)
    words.add_argument("--page", action="store_true")
    words.add_argument("--dev", default="")
    given = words.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what a sitting took is written down when it ends
    every = [cell for cell in cells(tuple(given.seeds)) if cell.group in given.groups]
    if given.dev:
        every = [Cell("dev", "chosen", lesson_of(given.dev), given.seeds[0], (("dev", 0),))]
    own = given.place == PLACE and not given.dev and given.model == USUAL_MODEL
    kept = FOUND if own else given.place / "found"  # a trial is not of the page
    if not given.page:
        subject = load(given.model)
        first, of = map(int, given.share.split("/"))
        for cell in every[first::of]:
            found = run(subject, cell, given.place, kept)
            print(f"{cell.key}: {found['cpu']:.0f} CPU-s", flush=True)
    held = [found for cell in (every if given.dev else cells()) if (found := done(cell, kept)) is not None]
    text = page(given.model, held)
    if kept == FOUND:
        PAGE.write_text(text, encoding="utf-8")
        PAGE.with_suffix(".svg").write_text(figure(held), encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(ended(main))

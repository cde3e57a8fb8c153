"""Tokenizers of every kind and habit, made in a moment: what a law over all of them is tried on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

TEXTS = [
    "The river runs through the old town and under the stone bridge. Answer: yes",
    "Name a colour. Blue is a colour, and so is red: no, New York and New. Answer: no",
    "Which of the two numbers is larger, seven or eleven? 1 or 1.5, 3 or 3.14",
    "A short answer is enough: yes, no, or perhaps later. Yes. No. (C) C++ C# -5 = x",
] * 3  # fmt: skip
SPECIAL = ["<s>", "</s>", "<unk>"]
MOST = 480
Words = PreTrainedTokenizerFast


def _finished(made: Tokenizer, habits: Sequence[str]) -> Words:
    head, tail = "<s> " * ("bos" in habits), " </s>" * ("eos" in habits)
    if head or tail:
        marks = [(m, made.token_to_id(m)) for m in ("<s>", "</s>")]
        made.post_processor = processors.TemplateProcessing(single=f"{head}$A{tail}", special_tokens=marks)
    return Words(tokenizer_object=made, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


def byte_level(*habits: str) -> Words:
    made = Tokenizer(models.BPE())
    if "lower" in habits:
        made.normalizer = normalizers.Lowercase()
    if "strip" in habits:
        made.normalizer = normalizers.Strip()
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space="prefix" in habits)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(TEXTS, trainers.BpeTrainer(
        vocab_size=360, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
    ))  # fmt: skip
    return _finished(made, habits)


def sentencepiece(*habits: str) -> Words:
    """BPE as Llama 2 has it (a space put before a text), or Gemma (none: "bare")."""
    made = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    bare = "bare" in habits
    before: list[Any] = [] if bare else [normalizers.Prepend("▁")]
    made.normalizer = normalizers.Sequence([*before, normalizers.Replace(" ", "▁")])
    cut = [] if bare else [decoders.Strip(" ", 1, 0)]
    made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), *cut])
    every = SPECIAL + [f"<0x{k:02X}>" for k in range(256)]
    made.train_from_iterator(TEXTS, trainers.BpeTrainer(vocab_size=MOST, special_tokens=every, show_progress=False))
    return _finished(made, habits)


def unigram(*habits: str) -> Words:
    """As T5 has it: white space is folded, what it does not know is one token."""
    made = Tokenizer(models.Unigram())
    rules: list[Any] = [normalizers.NFKC(), normalizers.Replace("\n", " ")]
    made.normalizer = normalizers.Sequence(rules + ([normalizers.Lowercase()] if "lower" in habits else []))
    scheme = "first" if "first" in habits else "always"
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme)
    made.decoder = decoders.Metaspace(prepend_scheme=scheme)
    made.train_from_iterator(TEXTS, trainers.UnigramTrainer(
        vocab_size=150, special_tokens=SPECIAL, unk_token="<unk>", show_progress=False
    ))  # fmt: skip
    return _finished(made, habits)


def word_piece(*habits: str) -> Words:
    made = Tokenizer(models.WordPiece(unk_token="<unk>"))
    made.normalizer = normalizers.BertNormalizer(lowercase="lower" in habits)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece()
    made.train_from_iterator(TEXTS, trainers.WordPieceTrainer(
        vocab_size=300, special_tokens=SPECIAL, show_progress=False
    ))  # fmt: skip
    return _finished(made, habits)


def word_level(*habits: str) -> Words:
    made = Tokenizer(models.WordLevel(unk_token="<unk>"))
    split = pre_tokenizers.Whitespace() if "marks" in habits else pre_tokenizers.WhitespaceSplit()
    made.pre_tokenizer = split
    made.train_from_iterator(TEXTS, trainers.WordLevelTrainer(special_tokens=SPECIAL, show_progress=False))
    return _finished(made, habits)


KINDS: dict[str, Callable[[], Words]] = {
    f"{kind.__name__}{habits}": partial(kind, *habits)
    for kind, habits in (
        (byte_level, ()), (byte_level, ("prefix",)), (byte_level, ("bos",)), (byte_level, ("eos",)),
        (byte_level, ("prefix", "bos", "eos")), (byte_level, ("strip", "bos")), (byte_level, ("lower", "eos")),
        (sentencepiece, ()), (sentencepiece, ("bos",)), (sentencepiece, ("bos", "eos")),
        (sentencepiece, ("bare", "bos")),
        (unigram, ()), (unigram, ("eos",)), (unigram, ("first", "bos", "eos")), (unigram, ("lower", "eos")),
        (word_piece, ()), (word_piece, ("bos", "eos")), (word_piece, ("lower", "bos", "eos")),
        (word_level, ()), (word_level, ("bos", "eos")), (word_level, ("marks", "eos")),
    )
}  # fmt: skip
"""Name -> a tokenizer of its kind with its habits."""

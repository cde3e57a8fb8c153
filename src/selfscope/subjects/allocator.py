"""What the C library and the kernel do with memory: how much there is, kept between calls, given back after them,
weights set aside."""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1  # of mallopt
KERNELS = 256
"""Its default of 1024 holds 400 MB, where batches come in every size."""
PAGEOUT = 21  # of madvise: clean pages of a file are dropped and read again when needed, changed ones stay


def quiet_allocator() -> None:
    """Keeps freed memory with the process on glibc: without it every large tensor is paged in anew (14-21 % of a
    forward on two cores). Products that oneDNN compiled for a number of rows are kept for the last KERNELS shapes."""
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", str(KERNELS))  # read when the first product is made
    libc = _libc()
    if libc is not None:
        libc.mallopt(MMAP_THRESHOLD, 1 << 30)
        libc.mallopt(TRIM_THRESHOLD, (1 << 31) - 1)


def trim_heap() -> None:
    """Gives freed memory back after a call: what one kind of call left in pieces another would add to."""
    libc = _libc()
    if libc is not None:
        libc.malloc_trim(0)


def evict_pages(tensor: Any) -> None:
    """Lets the kernel drop a CPU tensor's memory where it is an unchanged part of a mapped file (weights of which a
    packed copy does the work). Its numbers stay: they are read again from the file when somebody looks."""
    libc = _libc()
    if libc is None or tensor.device.type != "cpu" or not tensor.is_contiguous():
        return
    page = mmap.PAGESIZE
    start = -(-tensor.data_ptr() // page) * page
    stop = (tensor.data_ptr() + tensor.numel() * tensor.element_size()) // page * page
    if stop > start:
        libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(stop - start), PAGEOUT)


def memory_bytes() -> int:
    """What this process may have: the machine's memory, or what its control group is held to. 0 where neither is told.

    It does not change while a study runs, as free memory does: what depends on it is the same when one goes on."""
    told = []
    with suppress(AttributeError, OSError, ValueError):
        told.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for file in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with suppress(OSError, ValueError):  # none here, or "max"
            told.append(int(Path(file).read_text(encoding="ascii")))
    return min((bytes_ for bytes_ in told if bytes_ > 0), default=0)


@lru_cache(maxsize=1)
def _libc() -> Any:
    if not sys.platform.startswith("linux"):
        return None
    try:
        libc = ctypes.CDLL("libc.so.6")
        return libc if libc.mallopt and libc.malloc_trim and libc.madvise else None
    except (OSError, AttributeError):
        return None

"""Numbers from outside as one kind of array: whatever library, type, device or layout they come in."""

from __future__ import annotations

from typing import Any

from selfscope.errors import BadInput


def finite_numbers(values: Any, what: str) -> Any:
    """Numbers as an array in fp32, of the shape that they have.

    Parameters
    ----------
    values : array-like
        Nested lists, an array, or a torch tensor of any type (bfloat16 too), device and layout (sparse, quantized, a
        view with the negative bit), with or without a gradient.
    what : str
        What they are, for the message: "a vector".

    Returns
    -------
    numpy.ndarray
        float32, contiguous, in memory of its own.

    Raises
    ------
    BadInput
        No numbers (truth values, texts, complex numbers), a ragged list, or a value that is not finite in fp32.
    """
    import numpy as np

    try:
        if hasattr(values, "detach"):  # a tensor: numpy knows neither its bfloat16, its gradient nor its layout
            values = _dense(values.detach())
            values = (values.float() if values.is_floating_point() else values).cpu().numpy()
        array = np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise BadInput(f"{what} is no array of numbers ({' '.join(str(error).split())[:120]})") from error
    if array.dtype.kind not in "fiu":
        raise BadInput(f"{what} has values of the type {array.dtype}, which are no numbers to compute with")
    with np.errstate(over="ignore"):
        numbers = np.array(array, dtype="<f4", order="C")
    if not np.isfinite(numbers).all():
        raise BadInput(f"{what} has values that are not finite numbers (NaN, infinity, or too large for fp32)")
    return numbers


def check_seed(seed: Any) -> None:
    """Of everything that is drawn: one rule for all who take a seed.

    Parameters
    ----------
    seed : Any
        What was given for one.

    Raises
    ------
    BadInput
        Anything but a whole number from 0 on, of 63 bits.
    """
    if not isinstance(seed, int) or not 0 <= seed < 1 << 63:
        raise BadInput(f"seed is a whole number from 0 on, not {str(seed)[:40]}")


def _dense(tensor: Any) -> Any:
    if getattr(tensor, "is_quantized", False):
        tensor = tensor.dequantize()
    if str(getattr(tensor, "layout", "torch.strided")) != "torch.strided":
        tensor = tensor.to_dense()
    return tensor.resolve_neg() if hasattr(tensor, "resolve_neg") else tensor

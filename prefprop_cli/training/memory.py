"""Out of memory: halve the micro-batch, or say what to do."""

from collections.abc import Iterator
from contextlib import contextmanager

from prefprop_cli.errors import ResourceError, is_out_of_memory


def halve_micro_batch(size: int, *, found: BaseException) -> int:
    """Half of a micro-batch size that did not fit in memory.

    Args:
        size: documents per forward pass that were too many.
        found: the error they met.

    Returns:
        Documents per forward pass to try next, at least 1.

    Raises:
        ResourceError: `size` is 1 already.
    """
    if size == 1:
        raise ResourceError(_advice("a step with train.micro_batch_size = 1", found)) from found
    return size // 2


@contextmanager
def resource_errors() -> Iterator[None]:
    """Turn any out-of-memory error of the block into a ResourceError."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise ResourceError(_advice("training", error)) from error


def _advice(asked: str, found: BaseException) -> str:
    return (
        f"out of memory: {asked} does not fit ({_first_line(found)}). "
        "Use a smaller data.max_length, or model.gradient_checkpointing = true"
    )


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]

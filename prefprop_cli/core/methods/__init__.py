"""Methods: one file each, one line in `tables.METHODS`."""

from collections.abc import Callable
from functools import partial

from prefprop_cli.core.attention.kernels import Kernel
from prefprop_cli.core.encoder.config import EncoderConfig
from prefprop_cli.core.methods.base import Method, Options
from prefprop_cli.core.methods.decomposed import KernelDecomposition
from prefprop_cli.tables import KERNELS, METHODS


def create(name: str, config: EncoderConfig, options: Options) -> Method:
    """Make the method of that name for an encoder of that shape.

    Args:
        name: a key of `METHODS`.
        config: shape of the encoder.
        options: lengths, dropout, initial values; a `kernel` other than `none` decomposes it.
    """
    method = METHODS[name](config, options)
    if options.kernel == "none":
        return method
    return KernelDecomposition(
        method,
        config,
        kernel=_kernel(options),
        alpha=options.alpha,
        alpha_trainable=options.alpha_trainable,
        alpha_per_head=options.alpha_per_head,
    )


def _kernel(options: Options) -> Callable[[int], Kernel]:
    settings: dict[str, dict[str, float | int | None]] = {
        "rbf": {"lengthscale": options.lengthscale},
        "poly": {"degree": options.degree},
    }
    return partial(KERNELS[options.kernel], **settings.get(options.kernel, {}))


__all__ = ["METHODS", "Method", "Options", "create"]

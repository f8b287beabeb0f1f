"""Methods: one file each, one line in the table.

`create` makes one by name and wraps it in the kernel decomposition where the options ask for it.
"""

from collections.abc import Callable
from functools import partial

from prefprop_cli.core.attention.kernels import KERNELS, Kernel
from prefprop_cli.core.encoder.config import EncoderConfig
from prefprop_cli.core.methods.base import Method, Options
from prefprop_cli.core.methods.combined import Combined
from prefprop_cli.core.methods.decomposed import KernelDecomposition
from prefprop_cli.core.methods.fine_tuning import FineTuning
from prefprop_cli.core.methods.head_only import HeadOnly
from prefprop_cli.core.methods.prefix_propagation import PrefixPropagation
from prefprop_cli.core.methods.prefix_tuning import PrefixTuning


def _propagation(config: EncoderConfig, options: Options) -> PrefixPropagation:
    return PrefixPropagation(
        config,
        prefix_length=options.prefix_length,
        dropout=options.dropout,
        init_std=options.init_std,
        placeholder=options.placeholder,
    )


def _tuning(config: EncoderConfig, options: Options, *, length: int) -> PrefixTuning:
    return PrefixTuning(
        config, prefix_length=length, dropout=options.dropout, init_std=options.init_std
    )


METHODS: dict[str, Callable[[EncoderConfig, Options], Method]] = {
    "prefix-propagation": _propagation,
    "prefix-tuning": lambda config, o: _tuning(config, o, length=o.prefix_length),
    "combined": lambda config, o: Combined(
        _propagation(config, o), _tuning(config, o, length=o.tuning_length)
    ),
    "fine-tuning": lambda config, o: FineTuning(),
    "head-only": lambda config, o: HeadOnly(),
}


def create(name: str, config: EncoderConfig, options: Options) -> Method:
    """The method of that name for an encoder of that shape.

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

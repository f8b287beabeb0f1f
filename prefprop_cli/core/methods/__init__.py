"""Methods: one file each, one line in `tables.METHODS`."""

from prefprop_cli.core.encoder.config import EncoderConfig
from prefprop_cli.core.methods.base import Method, Options
from prefprop_cli.core.methods.decomposed import KernelDecomposition
from prefprop_cli.tables import METHODS


def create(name: str, config: EncoderConfig, options: Options) -> Method:
    """Make the method of that name; a `kernel` other than `none` in the options decomposes it."""
    method = METHODS[name](config, options)
    return method if options.kernel == "none" else KernelDecomposition(method, config, options)


__all__ = ["METHODS", "Method", "Options", "create"]

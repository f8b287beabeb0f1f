"""Methods: one file each, one line in `tables.METHODS`."""

from prefprop_cli.core.encoder.config import EncoderConfig
from prefprop_cli.core.methods.base import Method, Options
from prefprop_cli.core.methods.decomposed import KernelDecomposition
from prefprop_cli.errors import UsageError
from prefprop_cli.tables import METHODS


def create(name: str, config: EncoderConfig, options: Options) -> Method:
    """Make the method of that name; a `kernel` other than `none` in the options decomposes it.

    Raises:
        UsageError: a method that another package adds cannot be made.
    """
    make = METHODS[name]
    try:
        method = make(config, options)
    except Exception as error:
        if name not in METHODS.added:
            raise
        reason = f"{type(error).__name__}: {error}"
        raise UsageError(f"{name}: {METHODS.added[name]} cannot be made: {reason}") from error
    if not isinstance(method, Method):
        kind = type(method).__name__
        raise UsageError(f"{name}: {METHODS.added[name]} gives a {kind}, not a Method")
    return method if options.kernel == "none" else KernelDecomposition(method, config, options)


__all__ = ["METHODS", "Method", "Options", "create"]

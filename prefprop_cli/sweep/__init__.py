"""Searches over settings and seeds, shared by any number of processes (extra `sweep`)."""

from importlib.util import find_spec

from prefprop_cli.errors import UsageError


def require_optuna() -> None:
    """See that Optuna is installed; all of this package but `plan` imports it.

    Raises:
        UsageError: it is not.
    """
    if find_spec("optuna") is None:
        raise UsageError(
            "a sweep needs Optuna, which is not installed. "
            'Install it: pip install "prefprop-cli[sweep]"'
        )

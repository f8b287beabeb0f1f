"""One error for all failures of the hub."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from prefprop_cli.errors import DataError, PrefpropError, ResourceError, is_disk_full
from prefprop_cli.hub.causes import hub_cause

_UNUSABLE = {errno.EROFS, errno.EACCES, errno.ENOTDIR}
"""What an error of the cache folder says that is not full."""


@contextmanager
def hub_errors(what: str, *, advice: str = "") -> Iterator[None]:
    """Turn a failure of the hub, or on the way to it, into one sentence.

    An error that has nothing to do with the hub goes through as it is.

    Args:
        what: was asked for; the sentence begins with it.
        advice: what to do where the hub did not answer; left out where it did.

    Raises:
        DataError: the hub did not give it.
        ResourceError: the cache has no room for it, or cannot be used.
    """
    try:
        yield
    except PrefpropError:
        raise
    except Exception as error:
        cause = hub_cause(error)
        if cause is None:
            if isinstance(error, OSError) and (is_disk_full(error) or error.errno in _UNUSABLE):
                raise ResourceError(_on_the_disk(what, error)) from error
            raise
        rest = f" {advice}" if advice and not cause.is_answer else ""
        raise DataError(f"{what}: {cause.sentence}.{rest}") from error


def _on_the_disk(what: str, error: OSError) -> str:
    where = f": {error.filename}" if error.filename else ""
    return f"{what}: {error.strerror}{where}. HF_HOME names another folder for the hub's cache"

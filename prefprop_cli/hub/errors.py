"""One error for all failures of the hub."""

from collections.abc import Iterator
from contextlib import contextmanager

from prefprop_cli.errors import DataError, PrefpropError
from prefprop_cli.hub.causes import hub_cause


@contextmanager
def hub_errors(what: str, *, advice: str = "") -> Iterator[None]:
    """Turn a failure of the hub, or on the way to it, into one sentence.

    An error that has nothing to do with the hub goes through as it is.

    Args:
        what: was asked for; the sentence begins with it.
        advice: what to do where the hub did not answer; left out where it did.

    Raises:
        DataError: the hub did not give it.
    """
    try:
        yield
    except PrefpropError:
        raise
    except Exception as error:
        cause = hub_cause(error)
        if cause is None:
            raise
        rest = f" {advice}" if advice and not cause.is_answer else ""
        raise DataError(f"{what}: {cause.sentence}.{rest}") from error

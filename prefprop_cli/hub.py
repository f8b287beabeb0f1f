"""The Hugging Face hub: how its repositories are named, and one error for all its failures."""

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager

from prefprop_cli.errors import DataError, PrefpropError, ResourceError
from prefprop_cli.hub_causes import hub_cause

_REPOSITORY = re.compile(r"[\w.-]+(/[\w.-]+)?", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_OF_THE_DISK = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EROFS,
    errno.EACCES,
    errno.ENOTDIR,
}


def split_name(name: str) -> tuple[str, str | None]:
    """`owner/name@refs/pr/1` as repository and revision; a name alone has no revision."""
    repository, at, revision = name.partition("@")
    return repository, revision if at else None


def is_repository(name: str) -> bool:
    """Whether this may be the name of a repository, `name` or `owner/name`, without a revision."""
    return _REPOSITORY.fullmatch(name) is not None and not set(name.split("/")) & {".", ".."}


def is_commit(revision: str | None) -> bool:
    """Whether a revision is a whole commit hash: what it names never changes."""
    return revision is not None and _COMMIT.fullmatch(revision) is not None


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
            if isinstance(error, OSError) and error.errno in _OF_THE_DISK:
                raise ResourceError(_on_the_disk(what, error)) from error
            raise
        rest = f" {advice}" if advice and not cause.is_answer else ""
        raise DataError(f"{what}: {cause.sentence}.{rest}") from error


def _on_the_disk(what: str, error: OSError) -> str:
    where = f": {error.filename}" if error.filename else ""
    return f"{what}: {error.strerror}{where}. HF_HOME names another folder for the hub's cache"

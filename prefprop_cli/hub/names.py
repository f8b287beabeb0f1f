"""How repositories of the Hugging Face hub are named."""

import re

_REPOSITORY = re.compile(r"[\w.-]+(/[\w.-]+)?", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")


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

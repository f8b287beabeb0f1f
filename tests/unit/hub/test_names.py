import pytest

from prefprop_cli.hub import is_commit, is_repository, split_name


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("roberta-base", ("roberta-base", None)),
        ("owner/name", ("owner/name", None)),
        ("owner/name@refs/pr/1", ("owner/name", "refs/pr/1")),
        ("name@v1.0@x", ("name", "v1.0@x")),
        ("name@", ("name", "")),
    ],
)
def test_a_name_is_split_at_its_first_at(name: str, parts: tuple[str, str | None]) -> None:
    assert split_name(name) == parts


def test_what_may_be_a_repository() -> None:
    assert all(map(is_repository, ("a", "a/b", "bert-base.v1_2", "a--b")))
    assert not any(map(is_repository, ("", "a/b/c", "/a", "a/", "./a", "..", "~/a", "a b", "ä")))


def test_a_commit_is_a_whole_hash() -> None:
    assert is_commit("0123456789abcdef" * 2 + "01234567")
    assert not any(map(is_commit, (None, "main", "0123456", "g" * 40, "A" * 40)))

from prefprop_cli.data.audit import audit
from prefprop_cli.data.corpus import Document


def documents(name: str, *texts: str) -> list[Document]:
    return [Document(f"{name}:{i}", text, "xy"[i % 2]) for i, text in enumerate(texts)]


def test_counts_duplicates_and_what_is_shared() -> None:
    splits = {
        "train": documents("train", "law", "tax", "Law ", "", " "),
        "validation": documents("validation", "tax", "rail"),
        "test": documents("test", "LAW", "law", "rail", "peace", ""),
    }
    assert audit(splits) == {
        "documents": {
            "train": {"x": 3, "y": 2},
            "validation": {"x": 1, "y": 1},
            "test": {"x": 3, "y": 2},
        },
        "empty": {"train": 2, "validation": 0, "test": 1},
        "duplicates": {"train": 1, "validation": 0, "test": 1},
        "shared": {"validation in train": 1, "test in train": 2, "test in validation": 1},
    }

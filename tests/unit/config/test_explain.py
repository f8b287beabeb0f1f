import pytest

from prefprop_cli.config.explain import ALIASES, expected, found, unknown_key
from prefprop_cli.config.schema import Config


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (("train", "lr"), "expected a number (0 < lr < 1)"),
        (("train", "warmup"), "expected a number (0 <= warmup < 1)"),
        (("train", "epochs"), "expected an integer (0 < epochs)"),
        (("data", "fold"), "expected an integer (0 <= fold)"),
        (("model", "to_long"), "expected an integer (0 < to_long)"),
        (("method", "alpha_trainable"), "expected true or false"),
        (("method", "pool"), "expected one of cls, prefix"),
        (("data", "source"), "expected text"),
        (("name",), "expected text"),
        (("train",), "expected a table"),
        (("sweep",), "expected a table"),
        (("sweep", "seeds"), "expected an array"),
        (("sweep", "seeds", "1"), "expected an integer (0 <= seeds < 4294967296)"),
        (("sweep", "stages", "0"), "expected a table that is not empty"),
        (("sweep", "stages", "0", "train.lr"), "expected an array that is not empty"),
    ],
)
def test_expected_says_type_and_bounds(path, words):
    assert expected(path) == words


def test_every_key_of_the_schema_can_be_explained():
    for table in ("model", "data", "method", "train", "eval"):
        for key in type(getattr(Config(), table)).model_fields:
            assert expected((table, key)).startswith("expected ")


@pytest.mark.parametrize(
    ("path", "nearest"),
    [
        (("train", "epohcs"), "train.epochs"),
        (("epohcs",), "train.epochs"),
        (("trian",), "train"),
        (("lr",), "train.lr"),
        (("model", "lr"), "train.lr"),
        (("learning_rate",), "train.lr"),
        (("train", "learning_rate"), "train.lr"),
        (("train", "dropout"), "model.dropout"),
        (("zebra",), None),
    ],
)
def test_unknown_key_names_the_nearest(path, nearest):
    advice = f" - did you mean `{nearest}`?" if nearest else ""
    assert unknown_key(path) == "unknown key" + advice


def test_aliases_name_keys_that_exist():
    for key in ALIASES.values():
        table, name = key.split(".")
        assert name in type(getattr(Config(), table)).model_fields


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({}, "a table"),
        ([1], "an array"),
        (True, "true"),
        ("fast", '"fast"'),
        ("x" * 41, "a long text"),
        (2**63, "an integer of more than 64 bits"),
        (float("nan"), "nan"),
    ],
)
def test_found_names_the_value(value, words):
    assert found(value) == words

"""Whatever the bytes: a configuration, or a ConfigError with lines that can be printed."""

import io

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prefprop_cli.config.load import load_config
from prefprop_cli.config.schema import Config
from prefprop_cli.errors import ConfigError

PIECES = [
    "[train]", "[[train]]", "[train.lr]", "[model]", "[", "]", "{", "}", "=", ".", ",", "\n",
    "\r\n", "\r", " ", "\t", "\0", "\ufeff", "# ", '"', "'", '"""', "'''", "\\", "\\u", "\\ud800",
    "nan", "-inf", "1e999", "1_0", "0x" + "f" * 6000, "1" * 5000, "9" * 19, "true",
    "1979-05-27T07:32:00Z", "2020-13-45", "lr = 0.1", "lr = nan", "epochs = 3", "epochs",
    "train", "train.lr = 1", "model = 7", "name = 'a'", 'extends = "base"', "extends", "method",
    'name = "fine-tuning"', 'kernel = "exp"', "window = 3", "x = [1,\n2]", "ü", "[" * 500,
    "a." * 1500, "[sweep]", "[[sweep.stages]]", "stages = [{train.lr = [0.1, 'x']}]",
    "seeds = [1,1]", "stages", "train.lr = [0.1]",
]  # fmt: skip

SETTINGS = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def load_or_explain(**arguments) -> None:
    problems: tuple[str, ...] = ()
    try:
        loaded = load_config(**arguments)
    except ConfigError as error:
        problems = error.problems
    if problems:
        assert all(line and line.isprintable() for line in problems)
    else:
        again = load_config(preset="-", stdin=stdin(loaded.toml.encode()))
        assert again.config == loaded.config


def stdin(data: bytes) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(data))


@SETTINGS
@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_pieces_of_toml(text):
    load_or_explain(preset="-", stdin=stdin(text.encode()))


@SETTINGS
@given(st.lists(st.sampled_from(PIECES), max_size=8).map("\n".join))
def test_lines_of_toml(text):
    load_or_explain(preset="-", stdin=stdin(text.encode()))


@SETTINGS
@given(st.binary(max_size=60))
def test_bytes(data):
    load_or_explain(preset="-", stdin=stdin(data))


@SETTINGS
@given(st.data())
def test_one_changed_byte(data):
    original = load_config(preset="demo").toml.encode()
    position = data.draw(st.integers(0, len(original) - 1))
    value = data.draw(st.integers(0, 255))
    changed = original[:position] + bytes([value]) + original[position + 1 :]
    load_or_explain(preset="-", stdin=stdin(changed))


KEYS = st.sampled_from(
    [f"{table}.{key}" for table in ("model", "data", "method", "train", "eval")
     for key in type(getattr(Config(), table)).model_fields]
    + ["name", "train", "x", "train.x", "train.lr.x", "", "."]
)  # fmt: skip


@SETTINGS
@given(st.lists(st.tuples(KEYS, st.one_of(st.sampled_from(PIECES), st.text(max_size=8)))))
def test_overrides(pairs):
    load_or_explain(preset=None, overrides=[f"{key}={value}" for key, value in pairs])


@SETTINGS
@given(st.text(max_size=20))
def test_preset_names(name):
    load_or_explain(preset=name, stdin=stdin(b""))

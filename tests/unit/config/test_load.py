import io
from pathlib import Path

import pytest

from prefprop_cli.config.load import load_config
from prefprop_cli.config.schema import Config
from prefprop_cli.errors import ConfigError


def stdin(data: bytes) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(data), encoding="ascii")


def problems(preset: str | None = None, *overrides: str, data: bytes = b"") -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_config(preset=preset, overrides=overrides, stdin=stdin(data))
    return list(caught.value.problems)


def write(name: str, text: str) -> str:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text)
    return name


def test_nothing_given_is_the_defaults():
    loaded = load_config(preset=None)
    assert loaded.config == Config()
    assert loaded.sources == ()


def test_layers_defaults_base_preset_overrides():
    write("presets/low.toml", "[train]\nlr = 0.1\nepochs = 2\nseed = 5\n")
    write("presets/high.toml", 'extends = "low"\n[train]\nlr = 0.2\nepochs = 3\n')
    loaded = load_config(preset="high", overrides=["train.lr=0.3", "train.lr=0.4"])
    train = loaded.config.train
    assert (train.lr, train.epochs, train.seed, train.batch_size) == (0.4, 3, 5, 32)
    assert loaded.sources == (
        "presets/low.toml",
        "presets/high.toml",
        "-s train.lr=0.3",
        "-s train.lr=0.4",
    )


def test_resolved_toml_gives_the_same_configuration():
    overrides = ["model.to_long=4096", 'description="a\\n\\"ü\\""', "method.lengthscale=1e-7"]
    loaded = load_config(preset="demo", overrides=overrides)
    again = load_config(preset=write("config.toml", loaded.toml))
    assert again.config == loaded.config
    assert again.toml == loaded.toml
    assert again.sources == ("config.toml",)


def test_override_values_are_toml_and_else_text():
    loaded = load_config(
        preset=None,
        overrides=[
            "method.name=prefix-tuning",
            'data.source="a b"',
            "data.group_column=x=y",
            "train.max_steps = 1_000",
            "eval={bins=5}",
        ],
    )
    config = loaded.config
    assert (config.method.name, config.data.source) == ("prefix-tuning", "a b")
    assert (config.data.group_column, config.train.max_steps) == ("x=y", 1000)
    assert config.eval.bins == 5


def test_standard_input_is_a_file():
    loaded = load_config(preset="-", stdin=stdin('name = "ü"'.encode()))
    assert loaded.config.name == "ü"
    assert problems("-", data=b"\n x = 1") == ["stdin:2:2  x: unknown key"]


def test_closed_standard_input():
    closed = stdin(b"")
    closed.close()
    with pytest.raises(ConfigError, match="stdin: cannot be read"):
        load_config(preset="-", stdin=closed)


def test_all_problems_at_once_with_place_and_advice():
    write("wikihop.toml", "\n" * 12 + "[train]\nepohcs = 1\nlr = 2\n[data]\nset = 'x'\n")
    assert problems("wikihop.toml", "train.lr=fast", "nothing", "learning_rate=1") == [
        "-s nothing  expected table.key=value",
        "wikihop.toml:14:1  train.epohcs: unknown key - did you mean `train.epochs`?",
        "wikihop.toml:15:1  train.lr: expected a number (0 < lr < 1), found 2",
        "wikihop.toml:17:1  data.set: expected one of files, hub, sotu, newsgroups, "
        'hyperpartisan, arxiv, wikihop, found "x"',
        "-s train.lr=fast  train.lr: expected a number (0 < lr < 1)",
        "-s learning_rate=1  learning_rate: unknown key - did you mean `train.lr`?",
    ]


@pytest.mark.parametrize(
    ("preset", "hint"),
    [
        ("demo", "See `prefprop presets demo`."),
        (None, "See `prefprop presets --schema`."),
        ("no", "See `prefprop presets`."),
    ],
)
def test_the_hint_names_the_next_command(preset, hint):
    with pytest.raises(ConfigError) as caught:
        load_config(preset=preset, overrides=["x=1"])
    assert caught.value.hint == hint


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("lr = 1", "1:1  lr: unknown key - did you mean `train.lr`?"),
        ("train = 5", "1:1  train: expected a table, found 5"),
        ("[[train]]", "1:3  train: expected a table, found an array"),
        ("[name]", "1:2  name: expected text, found a table"),
        ("train.lr.x = 1", "1:7  train.lr: expected a number (0 < lr < 1), found a table"),
        ("train.lr = nan", "1:7  train.lr: expected a number (0 < lr < 1), found nan"),
        ("eval.bins = '3'", '1:6  eval.bins: expected an integer (0 < bins), found "3"'),
        ("eval.bins = true", "1:6  eval.bins: expected an integer (0 < bins), found true"),
        ("eval.bins = 1.0", "1:6  eval.bins: expected an integer (0 < bins), found 1.0"),
        (
            "eval.bins = 9223372036854775808",
            "1:6  eval.bins: expected an integer (0 < bins), found an integer of more than 64 bits",
        ),
        ("x.y = 9223372036854775808", "1:1  x: unknown key"),
        ("train.lr =", "1:11  not valid TOML: Invalid value"),
        ("a = 1\nb = 2\na = 3", "3:6  not valid TOML: Cannot overwrite a value"),
        ("extends = 3", "1:1  extends: expected the name of a preset or the path of a file"),
        ("\nextends = '-'", "2:1  extends: expected the name of a preset or the path of a file"),
        ("extends = 'bse'", "1:1  extends: preset `bse` was not found - did you mean `base`?"),
    ],
)
def test_what_is_wrong_and_where(text, problem):
    assert problems(write("x.toml", text)) == [f"x.toml:{problem}"]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"\xef\xbb\xbfname = 'a'", ":1:1  the file starts with a byte order mark"),
        (b"\xff\xfen\0a\0", ":1:1  byte 0xff is not UTF-8"),
        (b"# ok\nx = '\xe9'", ":2:6  byte 0xe9 is not UTF-8"),
        (b"name = '\0'", ":1:9  not valid TOML: Found invalid character"),
        (b"\n\nname = " + b"1" * 5000, ":3:1  a number is too long"),
        (b"\nname = " + b"[" * 100_000 + b"]" * 100_000, ":2:1  nested too deeply"),
        (b"\n\n" + b"a." * 100_000 + b"a = 1", ":3:1  nested too deeply"),
        (b"#" * (1 << 20) + b"\n", ": is longer than 1 MiB"),
    ],
    ids=["bom", "utf-16", "latin-1", "nul", "digits", "brackets", "dots", "long"],
)
def test_hostile_bytes_have_a_place(data, problem):
    assert problems("-", data=data)[0].startswith("stdin" + problem)


def test_files_that_cannot_be_read():
    write("x.toml", "extends = './y.toml'")
    assert problems("x.toml") == ["y.toml: cannot be read: No such file or directory"]
    Path("folder.toml").mkdir()
    assert problems("folder.toml") == ["folder.toml: cannot be read: Is a directory"]
    assert problems("no.toml") == ["no.toml: cannot be read: No such file or directory"]
    assert problems("./\0") == ["./\\x00: cannot be a path"]


def test_a_circle_of_presets():
    write("presets/a.toml", "extends = 'b'")
    write("presets/b.toml", "\nextends = 'a'")
    circle = "presets/a.toml -> presets/b.toml -> presets/a.toml"
    assert problems("a") == [
        f"presets/b.toml:2:1  extends: the presets extend each other in a circle: {circle}"
    ]


def test_a_preset_may_extend_the_built_in_one_of_its_name():
    write("presets/demo.toml", "extends = 'demo'\ntrain.epochs = 7")
    loaded = load_config(preset="demo")
    assert (loaded.config.train.epochs, loaded.config.data.set) == (7, "sotu")
    names = [Path(source).name for source in loaded.sources]
    assert names == ["base.toml", "demo.toml", "demo.toml"]


def test_a_path_in_extends_starts_at_its_own_folder():
    write("deep/low.toml", "train.epochs = 7")
    write("deep/high.toml", "extends = './low.toml'")
    assert load_config(preset="deep/high.toml").config.train.epochs == 7


def test_a_problem_of_the_base_is_reported_in_the_base():
    write("presets/low.toml", "train.lr = 7")
    write("presets/high.toml", "extends = 'low'\ntrain.lr = 0.1\nx = 1")
    assert problems("high") == [
        "presets/low.toml:1:7  train.lr: expected a number (0 < lr < 1), found 7",
        "presets/high.toml:3:1  x: unknown key",
    ]


def test_tables_that_disagree_blame_the_newest_layer():
    path = write("x.toml", "name = 'x'\n[method]\npool = 'prefix'\n")
    message = (
        'method.pool = "prefix" needs placeholders, and method.name = "head-only" has none. '
        'Use pool = "cls"'
    )
    assert problems(path, "method.name=head-only") == [f"-s method.name=head-only  {message}"]
    write("x.toml", "[method]\nname = 'head-only'\npool = 'prefix'\n")
    assert problems(path) == [f"x.toml:3:1  {message}"]


def test_a_relation_inside_one_table_has_its_place():
    line = problems(write("x.toml", "[model]\n  window = 511"))[0]
    assert line.startswith("x.toml:2:3  model: window = 511 is odd;")


def test_tables_are_not_compared_when_a_layer_is_missing():
    assert problems("no.toml", "method.name=head-only", "method.kernel=exp") == [
        "no.toml: cannot be read: No such file or directory"
    ]


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("", "expected table.key=value"),
        ("=3", "expected table.key=value"),
        ("train..lr=3", "expected table.key=value"),
        ('name="open', "the value starts like TOML and is not valid TOML"),
        ("name=" + "[" * 9999, "the value starts like TOML and is not valid TOML"),
        ("name=\udcff", "the text is not UTF-8"),
        ("train.lr=0.5\ntrain.epochs=3", "train.lr: expected a number (0 < lr < 1)"),
        ("train.lr=" + "1" * 5000, "train.lr: expected a number (0 < lr < 1)"),
        (".".join("a" * 9999) + "=1", "a: unknown key"),
        ("extends=demo", "extends: unknown key"),
    ],
    ids=lambda text: text[:20],
)
def test_overrides_that_are_wrong(override, problem):
    (line,) = problems(None, override)
    assert line.startswith("-s ")
    assert line.endswith(problem) or len(override) > 400
    assert line.isprintable()


def test_a_thousand_problems_are_summed_up():
    text = "\n".join(f"x{n} = 1" for n in range(1000))
    lines = problems("-", data=text.encode())
    assert len(lines) == 51
    assert lines[0] == "stdin:1:1  x0: unknown key"
    assert lines[-1] == "... and 950 more"

import tomli
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from prefprop_cli.config.locate import key_positions


def test_tables_and_keys_have_line_and_column():
    text = 'name = "a"\n\n[train]\nlr = 1  # lr = 2\n  "epochs" = 3\n[model]\nwindow = 4\n'
    assert key_positions(text) == {
        ("name",): (1, 1),
        ("train",): (3, 2),
        ("train", "lr"): (4, 1),
        ("train", "epochs"): (5, 3),
        ("model",): (6, 2),
        ("model", "window"): (7, 1),
    }


def test_dotted_keys_and_inline_tables():
    positions = key_positions("train.lr = 1\nmodel = { to_window = 3, window = 4 }\n")
    assert positions["train", "lr"] == (1, 7)
    assert positions["model", "to_window"] == (2, 11)
    assert positions["model", "window"] == (2, 26)


def test_text_that_looks_like_a_key_is_not_one():
    text = (
        "a = '''\nlr = 1 # '''\n"
        'b = """\nlr = 1 \\""" [ """"\n'
        "c = [ # lr = 1 ]\n 'lr = [', \"#\", \n]\n"
        'd = [ """a"""", "]",\n]\n'
        "# lr = 1\n"
        "lr = 2\n"
    )
    assert key_positions(text)[("lr",)] == (11, 1)
    assert set(key_positions(text)) == {("a",), ("b",), ("c",), ("d",), ("lr",)}


def test_windows_line_ends():
    assert key_positions("[train]\r\nlr = 1\r\n")["train", "lr"] == (2, 1)


def test_array_of_tables_and_deep_headers_end_at_two_levels():
    positions = key_positions("[[train]]\nlr = 1\n[model.a.b]\nc = 2\n")
    assert positions["train",] == (1, 3)
    assert positions["model", "a"] == (3, 8)


_TEXT = st.text(alphabet="ab='\"#[]{}\n\\,.", max_size=8)
_VALUE = st.one_of(_TEXT, st.integers(-9, 9), st.lists(_TEXT, max_size=3))
_DOCUMENT = st.dictionaries(
    _TEXT, st.one_of(_VALUE, st.dictionaries(_TEXT, _VALUE, max_size=3)), max_size=4
)


@settings(deadline=None)
@given(_DOCUMENT, st.booleans())
def test_every_key_of_any_document_is_found_on_its_line(document, multiline):
    text = tomli_w.dumps(document, multiline_strings=multiline)
    positions = key_positions(text)
    expected = {(key,) for key in document}
    expected |= {
        (key, inner)
        for key, table in document.items()
        if isinstance(table, dict)
        for inner in table
    }
    assert set(positions) == expected
    for path, (line, _) in positions.items():
        assert _first_line_with(path, text) >= line


def _first_line_with(path, text):
    """Return the last line of the shortest readable beginning that holds the key."""
    lines = text.split("\n")
    for n_lines in range(1, len(lines) + 1):
        try:
            values = tomli.loads("\n".join(lines[:n_lines]))
        except tomli.TOMLDecodeError:
            continue
        for key in path:
            values = values.get(key) if isinstance(values, dict) else None
        if values is not None:
            return n_lines
    raise AssertionError(path)

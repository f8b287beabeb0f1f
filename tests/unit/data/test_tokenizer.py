import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from prefprop_cli.data import tokenizer as module
from prefprop_cli.data.tokenizer import TextTokenizer
from prefprop_cli.errors import CorruptFileError, DataError

ORDINARY = [
    "The state of the Union!",
    "  telegraph,\n\nrailroads  and (wartime) taxes: x's  ",
    "Łódź naïve café 中文 \u200b ﬁ \u0301 '\t  <x>",
    "",
    " ",
]
SPECIAL = [
    *("<s>", "</s>", "<mask>", "<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]", "[PAD]"),
    *("[ent]", "[/ent]", "[question]"),
]
splices = st.lists(
    st.sampled_from([*SPECIAL, *map(str.lower, SPECIAL), "the ", " war", "-", "\n", "x"]),
    max_size=9,
).map("".join)


def hugging_face_ids(folder: Path, text: str) -> list[int]:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    return list(tokenizer(text, truncation=False, verbose=False)["input_ids"])


def ids_of(tokenizer: TextTokenizer, text: str) -> list[int]:
    return [*tokenizer.ids([text])[0]]


def with_tokenizer_json(folder: Path, **changes: object) -> Path:
    """The folder with tokenizer.json alone, as transformers saves it, and with some changes."""
    AutoTokenizer.from_pretrained(folder).save_pretrained(folder)
    spec = json.loads((folder / "tokenizer.json").read_text()) | changes
    for path in folder.iterdir():
        path.unlink()
    (folder / "tokenizer.json").write_text(json.dumps(spec))
    return folder


@pytest.mark.parametrize("text", ORDINARY)
def test_word_piece_is_that_of_transformers(word_piece_folder: Path, text: str) -> None:
    tokenizer = TextTokenizer.load(word_piece_folder)
    first, *inner, last = hugging_face_ids(word_piece_folder, text)
    assert ids_of(tokenizer, text) == inner
    assert (tokenizer.cls_id, tokenizer.sep_id) == (first, last)


@pytest.mark.parametrize("text", ORDINARY)
def test_byte_level_bpe_is_that_of_transformers(byte_level_folder: Path, text: str) -> None:
    tokenizer = TextTokenizer.load(byte_level_folder)
    first, *inner, last = hugging_face_ids(byte_level_folder, text)
    assert ids_of(tokenizer, text) == inner
    assert (tokenizer.cls_id, tokenizer.sep_id) == (first, last)


@pytest.mark.parametrize("name", ["word_piece_folder", "byte_level_folder"])
def test_tokenizer_json_gives_the_same(name: str, request: pytest.FixtureRequest) -> None:
    folder = request.getfixturevalue(name)
    old = TextTokenizer.load(folder)
    # As in all-MiniLM-L6-v2, whose file cuts every text at 128 tokens and pads it to as many.
    cut = {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0}
    pad: dict[str, object] = {
        "pad_to_multiple_of": None,
        "pad_id": 7,
        "pad_type_id": 0,
        "pad_token": "x",
    }
    pad |= {"strategy": {"Fixed": 4}, "direction": "Right"}
    new = TextTokenizer.load(with_tokenizer_json(folder, truncation=cut, padding=pad))
    for text in [*ORDINARY, *SPECIAL]:
        assert ids_of(new, text) == ids_of(old, text)
    for attribute in ("cls_id", "sep_id", "pad_id", "mask_id", "vocab_size"):
        assert getattr(new, attribute) == getattr(old, attribute)
    assert new.files_sha256 != old.files_sha256


def test_cased_word_piece(word_piece_folder: Path) -> None:
    (word_piece_folder / "tokenizer_config.json").write_text('{"do_lower_case": false}')
    tokenizer = TextTokenizer.load(word_piece_folder)
    assert ids_of(tokenizer, "the The") == [5, 1]
    assert (tokenizer.cls_id, tokenizer.sep_id) == (2, 3)


def test_special_ids(word_piece_folder: Path, byte_level_folder: Path) -> None:
    bert, roberta = TextTokenizer.load(word_piece_folder), TextTokenizer.load(byte_level_folder)
    assert (bert.cls_id, bert.sep_id, bert.pad_id, bert.mask_id) == (2, 3, 0, 4)
    assert (roberta.cls_id, roberta.sep_id, roberta.pad_id) == (0, 2, 1)
    assert roberta.mask_id == roberta.vocab_size - 1 == 4 + 256 + 9


@settings(max_examples=300, deadline=None)
@given(text=splices)
def test_user_text_never_gives_a_special_id(
    tokenizers: tuple[TextTokenizer, ...], text: str
) -> None:
    for tokenizer in tokenizers:
        special = {tokenizer.cls_id, tokenizer.sep_id, tokenizer.pad_id, tokenizer.mask_id}
        assert not special & set(ids_of(tokenizer, text))


def test_a_special_token_that_is_a_word_of_the_model_is_left_out(word_piece_folder: Path) -> None:
    spec = json.loads((with_tokenizer_json(word_piece_folder) / "tokenizer.json").read_text())
    spec["pre_tokenizer"] = {"type": "WhitespaceSplit"}
    spec["normalizer"] = None
    (word_piece_folder / "tokenizer.json").write_text(json.dumps(spec))
    tokenizer = TextTokenizer.load(word_piece_folder)
    assert ids_of(tokenizer, "the [SEP] war [MASK]") == [5, 10]
    assert (tokenizer.cls_id, tokenizer.sep_id) == (2, 3)


groups = st.sampled_from(
    ["the", "war", "é's", "x-x", "a  b", "a\nb", "x \n x", "\u0301", "a     b"]
)


@settings(max_examples=200, deadline=None)
@given(text=st.lists(groups, min_size=20, max_size=40).map(" ".join))
def test_long_texts_are_encoded_in_pieces(tokenizers: tuple[TextTokenizer, ...], text: str) -> None:
    whole = [ids_of(tokenizer, text) for tokenizer in tokenizers]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "PIECE_LENGTH", 10)
        assert [ids_of(tokenizer, text) for tokenizer in tokenizers] == whole


def test_a_long_text_without_a_space(
    word_piece_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PIECE_LENGTH", 10)
    tokenizer = TextTokenizer.load(word_piece_folder)
    assert len(ids_of(tokenizer, "x-" * 50)) == 100
    assert "".join(module._pieces("x-" * 50)) == "x-" * 50


def test_a_batch_is_its_texts(tokenizers: tuple[TextTokenizer, ...]) -> None:
    texts = [*ORDINARY, *SPECIAL, "the war " * 500]
    for tokenizer in tokenizers:
        batch = [[*ids] for ids in tokenizer.ids(texts)]
        assert batch == [ids_of(tokenizer, text) for text in texts]
        assert len(batch[-1]) >= 1000


def test_it_is_saved_as_it_was_loaded(byte_level_folder: Path, tmp_path: Path) -> None:
    tokenizer = TextTokenizer.load(byte_level_folder)
    tokenizer.save(tmp_path)
    again = TextTokenizer.load(tmp_path)
    assert again.fingerprint == tokenizer.fingerprint
    assert again.files() == tokenizer.files()
    assert set(again.files()) == {"vocab.json", "merges.txt", "tokenizer_config.json"}


def test_the_fingerprint_follows_the_files(word_piece_folder: Path) -> None:
    before = TextTokenizer.load(word_piece_folder).fingerprint
    path = word_piece_folder / "vocab.txt"
    path.write_text(path.read_text().replace("peace", "bread"))
    assert TextTokenizer.load(word_piece_folder).fingerprint != before


def test_half_of_a_surrogate_pair_is_refused(word_piece_folder: Path) -> None:
    with pytest.raises(DataError, match="half of a surrogate pair"):
        TextTokenizer.load(word_piece_folder).ids(["a\ud800"])


def test_folders_that_hold_no_usable_tokenizer(tmp_path: Path, word_piece_folder: Path) -> None:
    with pytest.raises(DataError, match=r"no tokenizer.json, no vocab.json with merges.txt"):
        TextTokenizer.load(tmp_path)
    (word_piece_folder / "vocab.txt").write_text("[PAD]\n[UNK]\nthe\n")
    with pytest.raises(DataError, match=r"the vocabulary has no \[CLS\], \[SEP\]"):
        TextTokenizer.load(word_piece_folder)
    (tmp_path / "tokenizer.json").write_text('{"added_tokens": [], "model": {"type": "Unigram"}}')
    with pytest.raises(DataError, match="Unigram tokenizer; BERT and RoBERTa"):
        TextTokenizer.load(tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"model": {"type": "BPE"}}'])
def test_damaged_files(tmp_path: Path, content: str) -> None:
    (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(CorruptFileError, match="damaged tokenizer files"):
        TextTokenizer.load(tmp_path)


@pytest.mark.parametrize("token", [{}, {"content": "x", "id": "y", "special": True}, 3])
def test_damaged_added_tokens(word_piece_folder: Path, token: object) -> None:
    folder = with_tokenizer_json(word_piece_folder, added_tokens=[token])
    with pytest.raises(CorruptFileError, match="damaged tokenizer files"):
        TextTokenizer.load(folder)


@pytest.mark.shared
def test_roberta(shared: Path) -> None:
    tokenizer = TextTokenizer.load(shared / "data/roberta_tokenizer")
    assert ids_of(tokenizer, "Hello world") == [31414, 232]
    assert (tokenizer.cls_id, tokenizer.sep_id) == (0, 2)
    assert (tokenizer.vocab_size, tokenizer.mask_id) == (50_265, 50_264)

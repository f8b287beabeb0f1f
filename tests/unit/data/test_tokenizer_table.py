"""Folders as they are in the world: the ids of `AutoTokenizer`, or a refusal that says why."""

from pathlib import Path

import pytest
from transformers import AutoTokenizer

from prefprop_cli.data import tokenizer as module
from prefprop_cli.data.tokenizer import TextTokenizer
from prefprop_cli.errors import DataError
from tests.helpers.tokenizer_folders import (
    WORDS,
    Change,
    added,
    config,
    lines,
    listed,
    made,
    model,
    older,
    renamed,
    spec,
    spec_model,
    whole,
)

TEXTS = (
    "The state of the Union: a railroad tax!",
    "  war, Café 中文 and naïve\tpeace\r\n\nlaws  ",
    "a megatax (MEGATAX, xmegatax) of New State on the war of  New State.",
    "zzz",
    "",
)
OWN_NAMES = {"cls_token": "<c>", "sep_token": "<e>", "pad_token": "<p>", "unk_token": "<u>"}
AS_OBJECTS = {role: {"content": name, "lstrip": False} for role, name in OWN_NAMES.items()}
LOWER = {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True}
LOWER |= {"strip_accents": None, "lowercase": True}
NO_SPACE = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
GENERAL = config(tokenizer_class="PreTrainedTokenizerFast")

EQUAL: dict[str, tuple[str, tuple[Change, ...]]] = {
    "bert, files": ("bert", ()),
    "bert, cased": ("bert", (config(do_lower_case=False),)),
    "bert, accents stay": ("bert", (config(strip_accents=False),)),
    "bert, chinese words": ("bert", (config(tokenize_chinese_chars=False),)),
    "bert, CRLF": ("bert", (lines("vocab.txt", lambda t: t.replace("\n", "\r\n")),)),
    "bert, blank lines at the end": ("bert", (lines("vocab.txt", lambda t: t + "\n\n"),)),
    "bert, spaces behind a word": (
        "bert",
        (lines("vocab.txt", lambda t: t.replace("war", "war ")),),
    ),
    "bert, a word twice": ("bert", (lines("vocab.txt", lambda t: t + "war\n"),)),
    "bert, own names": ("bert", (renamed, config(**OWN_NAMES))),
    "bert, own names as objects": (
        "bert",
        (renamed, listed("special_tokens_map.json", AS_OBJECTS)),
    ),
    "bert, own names in the map": ("bert", (renamed, listed("special_tokens_map.json", OWN_NAMES))),
    "bert, added words": ("bert", (added("megatax", "New State"),)),
    "bert, added whole words": ("bert", (added("megatax", single_word=True),)),
    "bert, added with spaces": ("bert", (added("tax", "war", lstrip=True, rstrip=True),)),
    "bert, added in the older file": ("bert", (listed("added_tokens.json", {"megatax": 44}),)),
    "bert, class of the older name": ("bert", (config(tokenizer_class="BertTokenizerFast"),)),
    "bert, class of a relative": ("bert", (config(tokenizer_class="DistilBertTokenizer"),)),
    "bert, class in config.json": (
        "bert",
        (model(model_type="longformer", tokenizer_class="BertTokenizer"),),
    ),
    "bert, whole": ("bert", (whole,)),
    "bert, whole, cased by setting": ("bert", (whole, config(do_lower_case=False))),
    "bert, whole, lower by default": (
        "bert",
        (whole, spec(normalizer=LOWER | {"lowercase": False}), config(do_lower_case=None)),
    ),
    "bert, whole, accents stay": ("bert", (whole, config(strip_accents=False))),
    "bert, whole, older": ("bert", (whole, older)),
    "bert, whole, own names": ("bert", (renamed, config(**OWN_NAMES), whole)),
    "bert, whole, added words": ("bert", (added("megatax", "New State"), whole)),
    "bert, whole, added by the file": (
        "bert",
        (added("megatax"), whole, config(added_tokens_decoder=None)),
    ),
    "bert, general, own normalizer": (
        "bert",
        (whole, GENERAL, spec(normalizer={"type": "Lowercase"})),
    ),
    "bert, general, own pre-tokenizer": (
        "bert",
        (whole, GENERAL, spec(pre_tokenizer={"type": "WhitespaceSplit"})),
    ),
    "bert, general, older": ("bert", (whole, GENERAL, older)),
    "bert, general, added by the file": (
        "bert",
        (added("megatax"), whole, GENERAL, config(added_tokens_decoder=None)),
    ),
    "roberta, files": ("roberta", ()),
    "roberta, a space before": ("roberta", (config(add_prefix_space=True),)),
    "roberta, CRLF": ("roberta", (lines("merges.txt", lambda t: t.replace("\n", "\r\n")),)),
    "roberta, merges without a head": ("roberta", (lines("merges.txt", lambda t: t[14:]),)),
    "roberta, added words": ("roberta", (added("megatax", "New State"),)),
    "roberta, class": ("roberta", (config(tokenizer_class="LongformerTokenizer"),)),
    "roberta, whole": ("roberta", (whole,)),
    "roberta, whole, a space before": ("roberta", (whole, config(add_prefix_space=True))),
    "roberta, whole, no space by default": (
        "roberta",
        (whole, spec(pre_tokenizer=NO_SPACE | {"add_prefix_space": True})),
    ),
    "roberta, whole, older": ("roberta", (whole, older)),
    "roberta, whole, added words": ("roberta", (added("megatax", normalized=False), whole)),
    "roberta, general": ("roberta", (whole, GENERAL)),
    "roberta, general, older": ("roberta", (whole, GENERAL, older)),
    "roberta, a longformer": ("roberta", (model(model_type="longformer"),)),
}
REFUSED: dict[str, tuple[str, tuple[Change, ...], str]] = {
    "a class that is not known": (
        "bert",
        (whole, config(tokenizer_class="BertJapaneseTokenizer")),
        "class BertJapaneseTokenizer cannot be used; these can: BertTokenizer",
    ),
    "code of its own": (
        "bert",
        (config(auto_map={"AutoTokenizer": ["a.B", None]}),),
        r'class \{"AutoTokenizer".*cannot be used',
    ),
    "a general class without its file": ("bert", (GENERAL,), "needs a tokenizer.json"),
    "files of another kind than declared": (
        "bert",
        (whole, config(tokenizer_class="RobertaTokenizer")),
        "RobertaTokenizer, as declared, is of type BPE, and the files are WordPiece",
    ),
    "files of another kind than the model": (
        "bert",
        (model(model_type="longformer"),),
        'implies.*"tokenizer_class": "BertTokenizer" in config.json',
    ),
    "a byte order mark": (
        "bert",
        (lines("vocab.txt", lambda text: "\ufeff" + text),),
        r"vocab\.txt begins with a byte order mark",
    ),
    "a normalizer the class has not": (
        "bert",
        (whole, spec(normalizer={"type": "Lowercase"})),
        r'the normalizer of tokenizer\.json.*declare "tokenizer_class": "PreTrainedTokenizerFast"',
    ),
    "a pre-tokenizer the class has not": (
        "roberta",
        (whole, spec(pre_tokenizer={"type": "Whitespace"})),
        r"the pre_tokenizer of tokenizer\.json",
    ),
    "random tokens": ("roberta", (whole, GENERAL, spec_model(dropout=0.1)), "at random"),
    "random tokens under a class": ("roberta", (whole, spec_model(dropout=0.1)), '"dropout": 0.1'),
    "two unknown words": (
        "bert",
        (whole, config(unk_token="the")),
        r'"unk_token": "\[UNK\]".*"unk_token": "the"',
    ),
    "no unknown word": (
        "bert",
        (whole, GENERAL, spec_model(unk_token="<unk>")),
        "no <unk>, the token of unknown words",
    ),
    "a setting of the wrong type": (
        "bert",
        (config(do_lower_case="no"),),
        'do_lower_case = "no" in tokenizer_config.json is not true or false',
    ),
    "a space before by one file alone": (
        "roberta",
        (whole, GENERAL, config(add_prefix_space=True)),
        "add_prefix_space is false in tokenizer.json and true in tokenizer_config.json",
    ),
    "a name that is no word": (
        "bert",
        (config(cls_token="<none>"),),
        "the vocabulary has no <none>",
    ),
    "a name that is no text": ("bert", (config(cls_token=3),), "3 is declared as a special token"),
    "other special tokens around a text": (
        "bert",
        (whole, config(sep_token="the")),
        r"puts the ids \[2, 3\] around a text; cls and sep are 2 and 5",
    ),
    "an added word with the id of another": (
        "bert",
        (lines("vocab.txt", lambda text: text + "the\n"), added("megatax")),
        "'megatax' gets the id of a word",
    ),
}


@pytest.mark.parametrize("name", EQUAL)
def test_ids_are_those_of_transformers(name: str, tmp_path: Path) -> None:
    folder = made(tmp_path / "it", *EQUAL[name])
    ours, theirs = TextTokenizer.load(folder), AutoTokenizer.from_pretrained(folder)
    for text, ids in zip(TEXTS, ours.ids(TEXTS), strict=True):
        assert [ours.cls_id, *ids, ours.sep_id] == theirs(text)["input_ids"], text
    assert ours.pad_id == theirs.pad_token_id or theirs.pad_token_id is None
    assert TextTokenizer.load(saved(ours, tmp_path / "saved")).fingerprint == ours.fingerprint


def saved(tokenizer: TextTokenizer, folder: Path) -> Path:
    """Beside a model of any type, as `prepare` writes a converted backbone."""
    folder.mkdir()
    tokenizer.save(folder)
    model(model_type="longformer")(folder)
    return folder


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str, tmp_path: Path) -> None:
    *given, message = REFUSED[name]
    folder = made(tmp_path / "it", *given)
    with pytest.raises(DataError, match=f"{folder}: .*{message}"):
        TextTokenizer.load(folder)


def test_an_added_special_token_is_text_in_a_text(word_piece_folder: Path) -> None:
    before = TextTokenizer.load(word_piece_folder).ids(["[ent] tax"])
    added("[ent]", special=True)(word_piece_folder)
    config(additional_special_tokens=["[ent]"])(word_piece_folder)
    assert TextTokenizer.load(word_piece_folder).ids(["[ent] tax"]) == before


METASPACE = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": False}


@pytest.mark.parametrize(
    "changes",
    [
        (added("New State", normalized=False),),
        (added("of", lstrip=True),),
        (added("tax"),),
        (whole, GENERAL, spec(pre_tokenizer=METASPACE), spec_model(unk_token="the")),
        (whole, GENERAL, spec(normalizer={"type": "Prepend", "prepend": "x"})),
    ],
)
def test_no_token_crosses_a_cut(
    changes: tuple[Change, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = TextTokenizer.load(made(tmp_path / "it", "bert", changes))
    text = "the New State  of war tax " * 20
    expected = tokenizer.ids([text])
    monkeypatch.setattr(module, "PIECE_LENGTH", 10)
    assert tokenizer.ids([text]) == expected


def test_the_highest_id_is_one_that_a_row_can_have(word_piece_folder: Path) -> None:
    assert TextTokenizer.load(word_piece_folder).highest_id == len(WORDS) - 1
    added("megatax", "[ent]")(word_piece_folder)
    config(additional_special_tokens=["[ent]"])(word_piece_folder)
    tokenizer = TextTokenizer.load(word_piece_folder)
    assert [*tokenizer.ids(["megatax"])[0]] == [tokenizer.highest_id] == [len(WORDS)]
    assert tokenizer.vocab_size == len(WORDS) + 2


@pytest.mark.parametrize(
    "change",
    [
        listed("special_tokens_map.json", {"cls_token": "[CLS]", "unk_token": "[UNK]"}),
        config(model_max_length=512, name_or_path="somewhere"),
        config(tokenizer_class="BertTokenizer"),
        whole,
    ],
)
def test_the_fingerprint_is_of_what_decides_the_tokens(change: Change, tmp_path: Path) -> None:
    plain = TextTokenizer.load(made(tmp_path / "plain", "bert", ()))
    changed = TextTokenizer.load(made(tmp_path / "changed", "bert", (change,)))
    assert changed.fingerprint == plain.fingerprint
    assert changed.files_sha256 != plain.files_sha256


@pytest.mark.parametrize(
    "change",
    [config(do_lower_case=False), config(strip_accents=True), added("megatax"), renamed],
)
def test_the_fingerprint_follows_the_tokens(change: Change, tmp_path: Path) -> None:
    plain = TextTokenizer.load(made(tmp_path / "plain", "bert", ()))
    names = (config(**OWN_NAMES),) if change is renamed else ()
    changed = TextTokenizer.load(made(tmp_path / "changed", "bert", (change, *names)))
    assert changed.fingerprint != plain.fingerprint

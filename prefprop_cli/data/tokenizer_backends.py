"""The part of a tokenizer that makes tokens of text, as `tokenizer.json` describes it.

A class of `transformers` takes the vocabulary from the files and all else from its own settings;
the general class takes tokenizer.json as it is.

Source of the settings: `BertTokenizer`, `RobertaTokenizer` and `PreTrainedTokenizerFast` in
`transformers` 4.55 and 5.23.
"""

import json
from collections.abc import Mapping
from typing import Any

from tokenizers import Tokenizer
from tokenizers.pre_tokenizers import ByteLevel

from prefprop_cli.errors import DataError

Files = Mapping[str, bytes]
Values = dict[str, Any]

NO_MODEL: Values = {
    "type": "WordPiece",
    "unk_token": "",
    "continuing_subword_prefix": "##",
    "max_input_chars_per_word": 100,
    "vocab": {},
}
_UNKNOWN = {"BPE": None, "WordPiece": "[UNK]"}
_OF_BERT: dict[str, Values | None] = {
    "normalizer": {"type": "BertNormalizer", "clean_text": True},
    "pre_tokenizer": {"type": "BertPreTokenizer"},
    "model": {"continuing_subword_prefix": "##", "max_input_chars_per_word": 100},
}
_OF_ROBERTA: dict[str, Values | None] = {
    "normalizer": None,
    "pre_tokenizer": {"type": "ByteLevel", "use_regex": True},
    "model": {
        "dropout": None,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "byte_fallback": False,
        "ignore_merges": False,
    },
}
_SPLITTERS = ("BertPreTokenizer", "Whitespace", "WhitespaceSplit")
_PREFIX_SPACE = ("add_prefix_space", False)


def kind_of(files: Files, spec: Values) -> str:
    """Return `BPE` or `WordPiece`; `spec` is the content of tokenizer.json, empty without one.

    Raises:
        DataError: there are no files to read, or they are of another kind.
    """
    if spec or "tokenizer.json" in files:
        # Files of 2020 name no type; the library knows it by the other fields.
        alone = spec["model"].get("type") or type(Tokenizer.from_str(json.dumps(spec)).model)
        kind = alone if isinstance(alone, str) else alone.__name__
    elif {"vocab.json", "merges.txt"} <= files.keys():
        kind = "BPE"
    elif "vocab.txt" in files:
        kind = "WordPiece"
    else:
        raise DataError("no tokenizer.json, no vocab.json with merges.txt, and no vocab.txt here")
    if kind not in _UNKNOWN:
        raise DataError(f"{kind} tokenizer; BERT and RoBERTa ones can be used")
    return kind


def as_it_is(spec: Values, settings: Values, kind: str) -> Values:
    """Return tokenizer.json without what is not of the text.

    Raises:
        DataError: it gives a text other tokens each time, or releases of `transformers` differ.
    """
    model = {"unk_token": _UNKNOWN[kind]} | spec["model"] | {"type": kind}
    found = (spec.get("pre_tokenizer") or {}).get("add_prefix_space")
    declared = _flag(settings, *_PREFIX_SPACE)
    if found not in (
        None,
        declared,
    ):  # some releases of `transformers` go by one, some by the other
        raise DataError(
            f"add_prefix_space is {_json(found)} in tokenizer.json and {_json(declared)} in "
            "tokenizer_config.json; make both the same"
        )
    if model.get("dropout"):
        raise DataError(f"dropout {model['dropout']} of tokenizer.json changes tokens at random")
    if model["unk_token"] is not None or kind == "WordPiece":
        _check_unknown_word(model)
    if kind == "BPE":
        model["merges"] = _pairs(model["merges"])
    parts = {part: spec.get(part) for part in ("normalizer", "pre_tokenizer")}
    return {"version": "1.0", "model": model, **parts}


def of_class(kind: str, files: Files, spec: Values, settings: Values, *, unk: str) -> Values:
    """Return what a `BertTokenizer` (WordPiece) or a `RobertaTokenizer` (BPE) makes of the files.

    `spec` is the content of tokenizer.json, empty if there is none, `settings` that of
    tokenizer_config.json, and `unk` the token of unknown words.

    Raises:
        DataError: tokenizer.json has another backend, or a setting is of the wrong type.
    """
    made = _word_piece(files, spec, settings, unk) if kind == "WordPiece" else None
    return {"version": "1.0", **(made or _byte_level_bpe(files, spec, settings))}


def _word_piece(files: Files, spec: Values, settings: Values, unk: str) -> Values:
    if spec:
        _check_parts(spec, _OF_BERT)
        _check_parts(spec, {"model": {"unk_token": unk}})
        vocabulary = spec["model"]["vocab"]
    else:
        # As the library does; a word of spaces alone is no word, but has its id.
        lines = files["vocab.txt"].decode().removesuffix("\n").split("\n")
        vocabulary = {line.rstrip(): index for index, line in enumerate(lines)}
    model = NO_MODEL | {"unk_token": unk, "vocab": vocabulary}
    _check_unknown_word(model)
    normalizer = {
        "type": "BertNormalizer",
        "clean_text": True,
        "handle_chinese_chars": _flag(settings, "tokenize_chinese_chars", True),
        "strip_accents": _flag(settings, "strip_accents", None),
        "lowercase": _flag(settings, "do_lower_case", True),
    }
    return {
        "normalizer": normalizer,
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "model": model,
    }


def _byte_level_bpe(files: Files, spec: Values, settings: Values) -> Values:
    if spec:
        _check_parts(spec, _OF_ROBERTA)
        if not set(ByteLevel.alphabet()) <= spec["model"]["vocab"].keys():
            # Only then is there an unknown word, which the class would leave out.
            _check_parts(spec, {"model": {"unk_token": None}})
        vocabulary, merges = spec["model"]["vocab"], spec["model"]["merges"]
    else:
        vocabulary = json.loads(files["vocab.json"])
        lines = (line.rstrip("\r") for line in files["merges.txt"].decode().split("\n"))
        merges = [line for line in lines if line and not line.startswith("#version")]
    pre_tokenizer = {
        "type": "ByteLevel",
        "add_prefix_space": _flag(settings, *_PREFIX_SPACE),
        "trim_offsets": True,
        "use_regex": True,
    }
    return {
        "normalizer": None,
        "pre_tokenizer": pre_tokenizer,
        "model": {"type": "BPE", "vocab": vocabulary, "merges": _pairs(merges)},
    }


def splits_at_spaces(backend: Values) -> bool:
    """Return whether no token has a space inside, whatever surrounds it."""
    normalizer, pre_tokenizer = backend["normalizer"] or {}, backend["pre_tokenizer"] or {}
    known = normalizer.get("type") in (None, "BertNormalizer", "Lowercase", "NFC", "NFKC")
    bytes_too = pre_tokenizer.get("type") == "ByteLevel" and pre_tokenizer.get("use_regex", True)
    return known and (bytes_too or pre_tokenizer.get("type") in _SPLITTERS)


def _flag(settings: Values, key: str, default: bool | None) -> bool | None:
    value = settings.get(key, default)
    if value is not default and not isinstance(value, bool):
        raise DataError(f"{key} = {_json(value)} in tokenizer_config.json is not true or false")
    return value


def _check_unknown_word(model: Values) -> None:
    if model["unk_token"] not in model["vocab"]:
        raise DataError(f"the vocabulary has no {model['unk_token']}, the token of unknown words")


def _check_parts(spec: Values, wanted: Mapping[str, Values | None]) -> None:
    """Refuse a tokenizer.json that has another thing than its class would put in its place."""
    for part, fields in wanted.items():
        found = spec.get(part)
        # Left out, null, empty and false are the same.
        same = (
            all((found.get(k, v) or None) == (v or None) for k, v in fields.items())
            if found and fields is not None
            else found == fields
        )
        if not same:
            shown = {key: found.get(key) for key in fields or {}} if found and fields else found
            raise DataError(
                f"the {part} of tokenizer.json is {_json(shown)}, and that of its class "
                f"{_json(fields)}; releases of transformers differ in which they use. To have "
                'tokenizer.json as it is, declare "tokenizer_class": "PreTrainedTokenizerFast" in '
                "tokenizer_config.json"
            )


def _pairs(merges: list[Any]) -> list[list[str]]:
    """Merges as pairs, in whichever form they are written."""
    return [merge.split(" ") if isinstance(merge, str) else merge for merge in merges]


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)

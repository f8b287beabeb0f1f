"""What the tokenizer files of a Hugging Face folder say, read as `transformers` reads them.

Where a folder leaves open which of two tokenizers it means, it is refused.

Source of the rules: `PreTrainedTokenizerBase._from_pretrained` in `transformers` 4.55 and 5.23.
"""

import json
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tokenizers import AddedToken, Tokenizer

from prefprop_cli.data.tokenizer_backends import (
    NO_MODEL,
    Files,
    Values,
    as_it_is,
    kind_of,
    of_class,
    splits_at_spaces,
)
from prefprop_cli.errors import DataError

_ROLES = ("cls", "sep", "pad", "mask", "unk")
NAMES: dict[str, dict[str, str]] = {
    "WordPiece": {role: f"[{role.upper()}]" for role in _ROLES},
    "BPE": {"cls": "<s>", "sep": "</s>", "pad": "<pad>", "mask": "<mask>", "unk": "<unk>"},
}
_NEEDED = ("cls", "sep", "pad")
_CLASSES = {
    "BertTokenizer": "WordPiece",
    "DistilBertTokenizer": "WordPiece",
    "ElectraTokenizer": "WordPiece",
    "RobertaTokenizer": "BPE",
    "LongformerTokenizer": "BPE",
}
_GENERAL = ("PreTrainedTokenizerFast", "TokenizersBackend")
_OF_MODEL = {
    "bert": "BertTokenizer",
    "roberta": "RobertaTokenizer",
    "longformer": "RobertaTokenizer",
}
_OF_KIND = {"WordPiece": "BertTokenizer", "BPE": "RobertaTokenizer"}


@dataclass(frozen=True)
class Description:
    """All that decides the tokens of a text."""

    class_name: str
    """The class of `transformers` that reads these files."""
    backend: Values
    """Model, normalizer and pre-tokenizer as tokenizer.json has them, without added tokens."""
    added: tuple[AddedToken, ...]
    """Words and special tokens beside the model, in the order in which they get their ids."""
    names: dict[str, str]
    """Special tokens by role, where they are declared or their class has a default."""
    frame: tuple[int, ...]
    """Ids that the post-processor puts around a text; none if there is none."""

    @property
    def can_cut(self) -> bool:
        """Whether a text can be cut before a space behind a word, and no token crosses the cut."""
        crosses = any(
            token.lstrip or token.rstrip or any(map(str.isspace, token.content))
            for token in self.added
            if not token.special
        )
        return not crosses and splits_at_spaces(self.backend)

    def special_ids(self, vocabulary: Mapping[str, int]) -> dict[str, int]:
        """Return ids by role: as declared, else of the post-processor, else of usual names.

        Raises:
            DataError: one that is needed is missing, or the post-processor has others.
        """
        usual = next((n for n in NAMES.values() if n["cls"] in vocabulary), NAMES["WordPiece"])
        framing = dict(zip(("cls", "sep"), self.frame, strict=True)) if len(self.frame) == 2 else {}
        named = {role: vocabulary.get(name) for role, name in {**usual, **self.names}.items()}
        found = named | {role: framing[role] for role in framing.keys() - self.names.keys()}
        ids = {role: index for role, index in found.items() if index is not None}
        if missing := [(usual | self.names)[role] for role in _NEEDED if role not in ids]:
            raise DataError(f"the vocabulary has no {', '.join(missing)}")
        if self.frame not in ((), (ids["cls"], ids["sep"])):
            raise DataError(
                f"the post-processor of tokenizer.json puts the ids {list(self.frame)} around a "
                f"text; cls and sep are {ids['cls']} and {ids['sep']}"
            )
        return ids


def describe(files: Files) -> Description:
    """Return what the files say, config.json among them.

    Raises:
        DataError: they are of a kind that cannot be used, or contradict each other.
        Exception: of any type, if they are damaged.
    """
    if marked := [name for name, content in files.items() if content.startswith(BOM_UTF8)]:
        raise DataError(
            f"{marked[0]} begins with a byte order mark, which would be read as part of it. "
            "Save it as UTF-8 without one"
        )
    settings, spec = _read(files, "tokenizer_config.json"), _read(files, "tokenizer.json")
    kind = kind_of(files, spec)
    class_name = _class_name(settings, _read(files, "config.json"), kind, is_whole=bool(spec))
    declared = dict(settings)
    if "added_tokens_decoder" not in settings:
        declared |= _read(files, "special_tokens_map.json")
    names = {role: text for role in _ROLES if (text := _text(declared.get(f"{role}_token")))}
    if class_name in _GENERAL:
        backend = as_it_is(spec, settings, kind)
        # The model decides on the token of unknown words, whatever is declared.
        unknown = backend["model"]["unk_token"]
        names = {role: text for role, text in names.items() if role != "unk"}
        names |= {} if unknown is None else {"unk": unknown}
    else:
        names = NAMES[kind] | names
        backend = of_class(kind, files, spec, settings, unk=names["unk"])
    special = {*names.values(), *_special_tokens(declared)}
    added = [*_added_later(files, settings, spec, special)]
    if class_name in _GENERAL:
        added = [*spec.get("added_tokens", []), *added]
    tokens = tuple(_token(values, special) for values in added)
    return Description(class_name, backend, tokens, names, _frame(spec))


def _read(files: Files, name: str) -> Values:
    values: Values = json.loads(files.get(name, b"{}"))
    if not isinstance(values, dict):
        raise ValueError(f"{name} holds no JSON object")
    return values


def _class_name(settings: Values, config: Values, kind: str, *, is_whole: bool) -> str:
    """The class that is declared, or else that of the model's type; of a kind with the files."""
    declared = settings.get("tokenizer_class") or config.get("tokenizer_class")
    by_files = _GENERAL[0] if is_whole else _OF_KIND[kind]
    name = str(declared or _OF_MODEL.get(str(config.get("model_type")), by_files))
    name = name if name in _GENERAL else name.removesuffix("Fast")
    own = json.dumps(settings["auto_map"]) if "auto_map" in settings else name
    if own not in (known := (*_CLASSES, *_GENERAL)):
        raise DataError(f"a tokenizer of class {own} cannot be used; these can: {', '.join(known)}")
    if name in _GENERAL and not is_whole:
        raise DataError(f"a {name} needs a tokenizer.json, and there is none")
    if _CLASSES.get(name, kind) != kind:
        where = "tokenizer_config.json" if settings.get("tokenizer_class") else "config.json"
        raise DataError(
            f"a {name}, as {'declared' if declared else 'config.json implies'}, is of type "
            f"{_CLASSES[name]}, and the files are {kind}. If they are right, declare their class, "
            f'as in "tokenizer_class": "{_OF_KIND[kind]}" in {where}'
        )
    return name


def _text(token: object) -> str | None:
    """A special token as it is written; None where there is none."""
    text = token.get("content") if isinstance(token, dict) else token
    if not (text is None or isinstance(text, str)):
        raise DataError(f"{json.dumps(token)} is declared as a special token, and is no text")
    return text


def _special_tokens(declared: Values) -> Iterator[str]:
    """Every special token that is declared, in a role or without one."""
    for key, value in declared.items():
        if key.endswith("_token") and isinstance(value, (str, dict)):  # not `add_bos_token`
            yield _text(value) or ""
    for key in ("additional_special_tokens", "extra_special_tokens"):
        tokens = declared.get(key) or []
        for token in tokens.values() if isinstance(tokens, dict) else tokens:
            yield _text(token) or ""


def _added_later(
    files: Files, settings: Values, spec: Values, special: set[str]
) -> Iterator[Values]:
    """What is added to the model of a class, lowest id first."""
    if "added_tokens_decoder" in settings:
        by_id = {int(id_): values for id_, values in settings["added_tokens_decoder"].items()}
    else:
        by_id = {
            int(id_): {"content": text, "normalized": text not in special}
            for text, id_ in _read(files, "added_tokens.json").items()
        }
        by_id |= {int(values["id"]): values for values in spec.get("added_tokens", [])}
    yield from (values for _, values in sorted(by_id.items()))


def _token(values: Values, special: set[str]) -> AddedToken:
    fields = {key: value for key, value in values.items() if key not in ("id", "__type")}
    is_special = fields.get("special", False) or fields["content"] in special
    return AddedToken(**fields | {"special": is_special})


def _frame(spec: Values) -> tuple[int, ...]:
    """What the post-processor of tokenizer.json makes of an empty text."""
    if not spec.get("post_processor"):
        return ()
    alone = {"version": "1.0", "model": NO_MODEL, "post_processor": spec["post_processor"]}
    return tuple(Tokenizer.from_str(json.dumps(alone)).encode("").ids)

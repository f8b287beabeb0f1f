"""Text to token ids with the tokenizer files of a Hugging Face folder.

What a user writes is always text: the added tokens of the files (`<s>`, `[MASK]`, ...) are
removed before the tokenizer is built, so nothing in a text can match them. `[CLS]` and `[SEP]`
are put around it where rows are made of it.
"""

import hashlib
import json
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from prefprop_cli.data.decoding import opened
from prefprop_cli.errors import CorruptFileError, DataError

FILES = (
    "tokenizer.json",
    "vocab.json",
    "merges.txt",
    "vocab.txt",
    "tokenizer_config.json",
    "special_tokens_map.json",
)
_SPECIAL_NAMES = (
    {"cls": "[CLS]", "sep": "[SEP]", "pad": "[PAD]", "mask": "[MASK]", "unk": "[UNK]"},
    {"cls": "<s>", "sep": "</s>", "pad": "<pad>", "mask": "<mask>", "unk": "<unk>"},
)
PIECE_LENGTH = 2**18
_NOTHING_ADDED: dict[str, Any] = {
    "added_tokens": [],
    "truncation": None,
    "padding": None,
    "post_processor": None,
}


class TextTokenizer:
    """A BERT (WordPiece) or RoBERTa (byte-level BPE) tokenizer for texts of any length.

    Attributes:
        cls_id: id of `[CLS]`.
        sep_id: id of `[SEP]`.
        pad_id: id of the padding token.
        mask_id: id of the mask token, or None.
        vocab_size: one more than the highest id.
        fingerprint: sha256 over what decides the tokens.
        files_sha256: sha256 over the names and contents of its files, the fingerprint that adapters
            of schema 2 and earlier hold.
    """

    def __init__(self, files: dict[str, bytes], *, source: str) -> None:
        self._files = files
        self.fingerprint = self.files_sha256 = _files_sha256(files)
        try:
            spec = _specification(files)
            self._tokenizer = Tokenizer.from_str(json.dumps(spec | _NOTHING_ADDED))
            added = {token["content"]: int(token["id"]) for token in spec["added_tokens"]}
            special = {token["content"] for token in spec["added_tokens"] if token["special"]}
        except DataError as error:
            raise DataError(f"{source}: {error}") from None
        except Exception as error:  # the library raises plain Exception for a bad file
            raise CorruptFileError(f"{source}: damaged tokenizer files: {error}") from error
        vocabulary = self._tokenizer.get_vocab() | added
        names = next((n for n in _SPECIAL_NAMES if n["cls"] in vocabulary), _SPECIAL_NAMES[0])
        missing = [names[role] for role in ("cls", "sep", "pad") if names[role] not in vocabulary]
        if missing:
            raise DataError(f"{source}: the vocabulary has no {', '.join(missing)}")
        self.cls_id, self.sep_id = vocabulary[names["cls"]], vocabulary[names["sep"]]
        self.pad_id, self.mask_id = vocabulary[names["pad"]], vocabulary.get(names["mask"])
        self.vocab_size = max(vocabulary.values()) + 1
        reserved = special.union(names.values()) - {names["unk"]}
        self._reserved = {vocabulary[name] for name in reserved if name in vocabulary}

    @classmethod
    def load(cls, folder: Path) -> "TextTokenizer":
        """The tokenizer of a local folder.

        Args:
            folder: holds tokenizer.json, or vocab.json and merges.txt, or vocab.txt.

        Raises:
            DataError: there are no such files, or they are of another kind.
            CorruptFileError: they cannot be read.
        """
        files = {}
        for name in FILES:
            if (folder / name).is_file():
                with opened(folder / name) as stream:
                    files[name] = stream.read()
        return cls(files, source=str(folder))

    def files(self) -> dict[str, bytes]:
        """The files it was built from, by name; `save` writes them."""
        return dict(self._files)

    def save(self, folder: Path) -> None:
        """Write the files it was built from."""
        for name, content in self._files.items():
            (folder / name).write_bytes(content)

    def ids(self, texts: Sequence[str]) -> list[Sequence[int]]:
        """All tokens of each text, without special tokens.

        Raises:
            DataError: a text that is no text, or holds half of a surrogate pair.
        """
        pieces = [list(_pieces(text)) for text in texts]
        # Arrays, since a list takes nine times as much for a long text.
        ids = [array("i", first) for first in self._ids([first for first, *_ in pieces])]
        for tokens, (_, *rest) in zip(ids, pieces, strict=True):
            for piece in rest:
                tokens.extend(self._ids([piece])[0])
        return list(ids)

    def _ids(self, texts: list[str]) -> list[list[int]]:
        try:
            encoded = self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        except TypeError:
            raise DataError("a text holds half of a surrogate pair, or is no text") from None
        # A vocabulary may hold "[SEP]" as a word of its own; it is left out of the text.
        return [[i for i in encoding.ids if i not in self._reserved] for encoding in encoded]


def _pieces(text: str) -> Iterator[str]:
    """Parts that are encoded one by one, since the library needs 200 times their memory.

    They are cut before a space behind a word, where no token crosses. Only where there is none
    in `PIECE_LENGTH` characters does the cut change the tokens around it.
    """
    start = 0
    while len(text) - start > PIECE_LENGTH:
        end = start + PIECE_LENGTH
        cut = text.rfind(" ", start + 1, end)
        while cut > 0 and text[cut - 1].isspace():
            cut = text.rfind(" ", start + 1, cut)
        yield text[start : cut if cut > 0 else end]
        start = cut if cut > 0 else end
    yield text[start:]


def _files_sha256(files: dict[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name} {len(files[name])}\n".encode() + files[name])
    return digest.hexdigest()


def _specification(files: dict[str, bytes]) -> dict[str, Any]:
    """The contents of tokenizer.json, made from the older files where it is missing."""
    if "tokenizer.json" in files:
        spec: dict[str, Any] = json.loads(files["tokenizer.json"])
    elif {"vocab.json", "merges.txt"} <= files.keys():
        spec = _byte_level_bpe(files)
    elif "vocab.txt" in files:
        spec = _word_piece(files)
    else:
        raise DataError("no tokenizer.json, no vocab.json with merges.txt, and no vocab.txt here")
    if spec["model"]["type"] not in ("BPE", "WordPiece"):
        raise DataError(f"{spec['model']['type']} tokenizer; BERT and RoBERTa ones can be used")
    return spec


def _byte_level_bpe(files: dict[str, bytes]) -> dict[str, Any]:
    settings = json.loads(files.get("tokenizer_config.json", b"{}"))
    merges = files["merges.txt"].decode().split("\n")
    return {
        "version": "1.0",
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": {
            "type": "ByteLevel",
            "add_prefix_space": settings.get("add_prefix_space", False),
            "trim_offsets": True,
            "use_regex": True,
        },
        "decoder": None,
        "model": {
            "type": "BPE",
            "vocab": json.loads(files["vocab.json"]),
            "merges": [
                line.rstrip("\r")
                for line in merges
                if line.strip() and not line.startswith("#version")
            ],
        },
    }


def _word_piece(files: dict[str, bytes]) -> dict[str, Any]:
    settings = json.loads(files.get("tokenizer_config.json", b"{}"))
    words = files["vocab.txt"].decode().split("\n")
    return {
        "version": "1.0",
        "added_tokens": [],
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": settings.get("tokenize_chinese_chars", True),
            "strip_accents": settings.get("strip_accents"),
            "lowercase": settings.get("do_lower_case", True),
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "decoder": None,
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": {word: index for index, word in enumerate(words) if word},
        },
    }

"""Text to token ids with the tokenizer files of a Hugging Face folder.

What a user writes is always text: nothing in it matches a special token of the files (`<s>`,
`[MASK]`, ...); words that were added to the vocabulary do match. `[CLS]` and `[SEP]` are put
around it where rows are made of it.
"""

import hashlib
import json
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path

from tokenizers import Tokenizer

from prefprop_cli.data.decoding import opened
from prefprop_cli.data.tokenizer_files import Description, describe
from prefprop_cli.errors import CorruptFileError, DataError

FILES = (
    "tokenizer.json",
    "vocab.json",
    "merges.txt",
    "vocab.txt",
    "tokenizer_config.json",
    "special_tokens_map.json",
)
"""Those that `files_sha256` is over."""
_READ = (*FILES, "added_tokens.json", "config.json")
PIECE_LENGTH = 2**18


class TextTokenizer:
    """A BERT (WordPiece) or RoBERTa (byte-level BPE) tokenizer for texts of any length."""

    cls_id: int
    sep_id: int
    pad_id: int
    mask_id: int | None
    vocab_size: int
    """One more than the highest id."""
    highest_id: int
    """The highest that a row can have: of a text, `[CLS]`, `[SEP]` or padding."""
    fingerprint: str
    """The sha256 over what decides the tokens, however the files are laid out."""
    files_sha256: str
    """The sha256 over its files, which adapters of schema 2 and earlier hold as a fingerprint."""

    def __init__(self, files: dict[str, bytes], *, source: str) -> None:
        self._files = {name: content for name, content in files.items() if name != "config.json"}
        digest = hashlib.sha256()
        for name in sorted(files.keys() & {*FILES}):
            digest.update(f"{name} {len(files[name])}\n".encode() + files[name])
        self.files_sha256 = digest.hexdigest()
        try:
            self._description = described = describe(files)
            self._tokenizer = _built(described)
            vocabulary = self._tokenizer.get_vocab()
            ids = described.special_ids(vocabulary)
        except DataError as error:
            raise DataError(f"{source}: {error}") from None
        except Exception as error:  # the library raises plain Exception for a bad file
            raise CorruptFileError(f"{source}: damaged tokenizer files: {error}") from error
        self.cls_id, self.sep_id, self.pad_id = ids["cls"], ids["sep"], ids["pad"]
        self.mask_id = ids.get("mask")
        self.vocab_size = max(vocabulary.values()) + 1
        further = {vocabulary[token.content] for token in described.added if token.special}
        self._reserved = {*further, *ids.values()} - {ids.get("unk")}
        of_words = {index for word, index in vocabulary.items() if word} - self._reserved
        self.highest_id = max(*of_words, self.cls_id, self.sep_id, self.pad_id)
        self.fingerprint = self._fingerprint()

    @classmethod
    def load(cls, folder: Path) -> "TextTokenizer":
        """Load the tokenizer of a local folder.

        Raises:
            DataError: there are no such files, or they are of another kind.
            CorruptFileError: they cannot be read.
        """
        files = {}
        for name in _READ:
            if (folder / name).is_file():
                with opened(folder / name) as stream:
                    files[name] = stream.read()
        return cls(files, source=str(folder))

    def files(self) -> dict[str, bytes]:
        """Return the files it was built from, by name, with its class declared."""
        settings = json.loads(self._files.get("tokenizer_config.json", b"{}"))
        if settings.get("tokenizer_class"):
            return dict(self._files)
        # Beside a model of another type it would be read as that model's own class.
        settings["tokenizer_class"] = self._description.class_name
        return self._files | {"tokenizer_config.json": json.dumps(settings, indent=2).encode()}

    def save(self, folder: Path) -> None:
        """Write the files it was built from."""
        for name, content in self.files().items():
            (folder / name).write_bytes(content)

    def ids(self, texts: Sequence[str]) -> list[Sequence[int]]:
        """Return all tokens of each text, without special tokens.

        Raises:
            DataError: a text that is no text, or holds half of a surrogate pair.
        """
        can_cut = self._description.can_cut
        pieces = [list(_pieces(text)) if can_cut else [text] for text in texts]
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

    def _fingerprint(self) -> str:
        words = [token for token in self._description.added if not token.special]
        facts = {
            "backend": self._description.backend,
            "added": [
                [
                    self._tokenizer.token_to_id(token.content),
                    *(token.content, token.lstrip, token.rstrip),
                    *(token.normalized, token.single_word),
                ]
                for token in words
            ],
            "frame": [self.cls_id, self.sep_id],
            "reserved": sorted(self._reserved),
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _built(description: Description) -> Tokenizer:
    tokenizer = Tokenizer.from_str(json.dumps(description.backend))
    words = tokenizer.get_vocab()
    tokenizer.add_tokens(list(description.added))
    # They have their ids, and match nothing.
    tokenizer.encode_special_tokens = True
    taken = set(words.values())
    for token in description.added:
        if token.content not in words and tokenizer.token_to_id(token.content) in taken:
            raise DataError(
                f"the added token {token.content!r} gets the id of a word, since the vocabulary "
                "has fewer words than its highest id says; is a word in it twice?"
            )
    return tokenizer


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

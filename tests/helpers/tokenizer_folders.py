"""Tokenizer folders: one of each kind, and changes that are found in the world."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from tokenizers.pre_tokenizers import ByteLevel
from transformers import AutoTokenizer

WORDS = (
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "a", "state", "of", "union", "war"),
    *("peace", "tax", "rail", "##road", "##s", "law", "tele", "##graph", "##time", "pad", "cls"),
    *("sep", "mask", "un", "##k", "ent", "uber", "s", "x", "##x", *"!'(),-./:;<>?[]"),
)


def write_word_piece(folder: Path) -> Path:
    """Write a BERT tokenizer of a few words, as vocab.txt."""
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": True}))
    (folder / "config.json").write_text(json.dumps({"model_type": "bert"}))
    return folder


def write_byte_level(folder: Path) -> Path:
    """Write a RoBERTa tokenizer with all bytes and a few merges, as vocab.json and merges.txt."""
    merges = ["t h", "th e", "Ġ the", "s t", "a t", "Ġ w", "a r", "Ġw ar", "Ġ Ġ"]
    merged = [merge.replace(" ", "") for merge in merges]
    words = ["<s>", "<pad>", "</s>", "<unk>", *sorted(ByteLevel.alphabet()), *merged, "<mask>"]
    folder.mkdir()
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
    (folder / "config.json").write_text(json.dumps({"model_type": "roberta"}))
    return folder


Change = Callable[[Path], None]


def rewrite(folder: Path, name: str, values: Mapping[str, object]) -> None:
    """Some keys of a JSON file that may not be there yet; None removes one."""
    path = folder / name
    old = json.loads(path.read_text()) if path.exists() else {}
    new = {key: value for key, value in (old | values).items() if value is not None}
    path.write_text(json.dumps(new))


def config(**values: object) -> Change:
    return lambda folder: rewrite(folder, "tokenizer_config.json", values)


def model(**values: object) -> Change:
    return lambda folder: rewrite(folder, "config.json", values)


def spec(**values: object) -> Change:
    """Keys of tokenizer.json."""
    return lambda folder: rewrite(folder, "tokenizer.json", values)


def spec_model(**values: object) -> Change:
    """Keys of the model in tokenizer.json; None removes one."""

    def change(folder: Path) -> None:
        old = json.loads((folder / "tokenizer.json").read_text())["model"] | values
        spec(model={key: value for key, value in old.items() if value is not None})(folder)

    return change


def older(folder: Path) -> None:
    """As the files of 2020: a model without its type, merges as strings."""
    old = json.loads((folder / "tokenizer.json").read_text())["model"]
    merges = [" ".join(pair) for pair in old["merges"]] if "merges" in old else None
    spec_model(type=None, merges=merges, byte_fallback=None, ignore_merges=None)(folder)


def added(*tokens: str, special: bool = False, **flags: bool) -> Change:
    """Words added by `add_tokens`, as `save_pretrained` writes them down."""

    def change(folder: Path) -> None:
        listed = {"lstrip": False, "rstrip": False, "single_word": False, "normalized": True}
        tokenizer = AutoTokenizer.from_pretrained(folder)
        first = len(tokenizer)
        decoder = {str(i): fields_of(t) for i, t in tokenizer.added_tokens_decoder.items()}
        for number, token in enumerate(tokens):
            fields = listed | flags | {"content": token, "special": special}
            decoder[str(first + number)] = fields
        config(added_tokens_decoder=decoder)(folder)

    return change


def fields_of(token: object) -> dict[str, object]:
    names = ("content", "lstrip", "rstrip", "single_word", "normalized", "special")
    return {name: getattr(token, name) for name in names}


def listed(name: str, values: object) -> Change:
    return lambda folder: (folder / name).write_text(json.dumps(values)) and None


def lines(name: str, change: Callable[[str], str]) -> Change:
    """A text file with other bytes; line ends are kept."""

    def rewritten(folder: Path) -> None:
        text = (folder / name).read_bytes().decode()
        (folder / name).write_bytes(change(text).encode())

    return rewritten


def renamed(folder: Path) -> None:
    """Special tokens under names of their own, and the usual ones as words."""
    own = dict(zip(WORDS[:5], ("<p>", "<u>", "<c>", "<e>", "<m>"), strict=True))
    words = [own.get(word, word) for word in WORDS] + list(WORDS[:5])
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")


def whole(folder: Path) -> None:
    """As one tokenizer.json, beside the older files."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.backend_tokenizer.save(str(folder / "tokenizer.json"))


def made(folder: Path, kind: str, changes: tuple[Change, ...]) -> Path:
    """A folder of a BERT or a RoBERTa, changed step by step."""
    write = write_word_piece if kind == "bert" else write_byte_level
    write(folder)
    for change in changes:
        change(folder)
    return folder

"""20-newsgroups by date, without headers, footers and quotes.

The by-date test half is halved again: the first half validates, the second tests, which with the
by-date training posts is the 60/20/20 of the paper.
"""

from collections.abc import Iterable
from http.client import HTTPException
from pathlib import Path, PurePath, PurePosixPath

from prefprop_cli.config.schema import DataTable
from prefprop_cli.data.archives import read_members
from prefprop_cli.data.corpus import Corpus, Document, Splits, content_hash, labels_of
from prefprop_cli.data.decoding import opened
from prefprop_cli.data.kinds import files_below
from prefprop_cli.data.sets.common import digest, source_of
from prefprop_cli.data.splits import split_off
from prefprop_cli.errors import DataError
from prefprop_cli.notes import Note, note, progress
from prefprop_cli.words import listed

PARTS = {"20news-bydate-train": "train", "20news-bydate-test": "test"}
WHAT = "20news-bydate.tar.gz, or the folder it unpacks to"
SPLITS = ("default",)
NEEDS_FILES = False
Posts = Iterable[tuple[PurePath, str]]
"""(path that ends in <part>/<group>/<number>, text) of each post."""


def read(table: DataTable) -> Corpus:
    """Read the posts of `data.source`, the archive or its folder; else scikit-learn downloads."""
    source = source_of(table, what=WHAT) if table.source else None
    parts, left_out = _stripped(_downloaded() if source is None else _local(source))
    if not all(parts.values()):
        raise DataError(f"{source}: {' and '.join(PARTS)} are not both in it; expected {WHAT}")
    seed = table.split_seed
    validation, test = split_off(parts["test"], share=0.5, seed=seed, together=False)
    splits = {"train": parts["train"], "validation": validation, "test": test}
    notes = (
        "headers, footers and quotes are removed",
        f"train is by date, the by-date test posts are halved (stratified, seed {seed})",
        *left_out,
    )
    if source is None:
        inputs = {part: content_hash(documents) for part, documents in parts.items()}
    else:
        inputs = {source.name: digest(source)}
    return Corpus("newsgroups", splits, labels_of(splits), inputs, tuple(map(Note, notes)))


def _stripped(posts: Posts) -> tuple[Splits, list[str]]:
    """The posts of each part as scikit-learn strips them, and notes on files that are none."""
    from sklearn.datasets import _twenty_newsgroups as scikit_learn  # which takes a second

    parts: Splits = {part: [] for part in PARTS.values()}
    others = []
    with progress(total=None, label="file") as on_progress:
        for n_read, (path, post) in enumerate(posts, start=1):
            folder, group, number = ("", "", *path.parts)[-3:]
            if folder in PARTS:
                text = scikit_learn.strip_newsgroup_header(post)
                text = scikit_learn.strip_newsgroup_footer(text)
                text = scikit_learn.strip_newsgroup_quoting(text)
                parts[PARTS[folder]].append(Document(f"{group}/{number}", text, label=group))
            elif PARTS.keys() & {*path.parts}:
                others.append(str(path))
            on_progress(n_read)
    note = f"{len(others)} files are no <group>/<number> and are left out: {listed(others)}"
    return parts, [note] if others else []


def _local(source: Path) -> Posts:
    """Without hidden files, which a Mac puts beside the posts, into archives, too."""
    if source.is_dir():
        for folder in filter(Path.is_dir, (source / part for part in PARTS)):
            for path in files_below(folder):
                with opened(path) as stream:
                    yield path.relative_to(source), stream.read().decode("latin-1")
    else:
        for name, content in read_members(source):
            member = PurePosixPath(name)
            if not any(part.startswith(".") for part in member.parts):
                yield member, content.decode("latin-1")


def _downloaded() -> Posts:
    from sklearn.datasets import _twenty_newsgroups as scikit_learn

    note("20-newsgroups: from scikit-learn, which downloads 14 MB unless it has done so before")
    for part in PARTS.values():
        try:
            posts = scikit_learn.fetch_20newsgroups(subset=part, shuffle=False)
        except (OSError, HTTPException) as error:
            raise DataError(
                f"20-newsgroups cannot be downloaded: {error}. Without network set data.source "
                f"(or --source) to {WHAT}"
            ) from error
        yield from zip(map(PurePath, posts.filenames), posts.data, strict=True)

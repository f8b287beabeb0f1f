"""What the hub of `helpers/hub.py` answers, from the repositories it holds."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

WHEN = "2024-01-01T00:00:00.000Z"
_LARGE = (".safetensors", ".bin", ".parquet")


@dataclass(frozen=True)
class Commit:
    """The files of a repository at one moment."""

    name: str
    files: dict[str, bytes]
    parent: "Commit | None" = None

    def history(self) -> Iterator["Commit"]:
        yield self
        if self.parent is not None:
            yield from self.parent.history()


@dataclass
class Repository:
    """Branches, pull requests and what is said of them."""

    revisions: dict[str, Commit] = field(default_factory=dict)
    discussions: list[dict[str, Any]] = field(default_factory=list)

    def at(self, revision: str) -> Commit | None:
        found = [c for head in self.revisions.values() for c in head.history()]
        named = {commit.name: commit for commit in found}
        return self.revisions.get(revision) or named.get(revision)


Repositories = Mapping[tuple[str, str], Repository]
Answer = tuple[int, bytes, dict[str, str]]


def commit(seed: str, files: dict[str, bytes], parent: Commit | None) -> Commit:
    facts = [seed, parent and parent.name, {name: _sha1(data) for name, data in files.items()}]
    return Commit(_sha1(json_bytes(facts)), files, parent)


def answer(repositories: Repositories, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
    """The hub's answer to a request without a fault."""
    path, query = urlsplit(url).path, parse_qs(urlsplit(url).query)
    if found := re.fullmatch(r"/(datasets/)?(.+?)/resolve/([^/]+)/(.+)", path):
        kind, name, revision, file = found.groups()
        repository = repositories.get((kind[:-1] if kind else "models", name))
        return _file(repository, unquote(revision), unquote(file), headers.get("Range", ""))
    if found := re.fullmatch(r"/api/(models|datasets)/(.+)", path):
        named = _named(repositories, found[1], found[2])
        return _about(*named, query, headers, body) if named else _nobody()
    return _refusal(404, "EntryNotFound", "there is no such page")


def _named(
    repositories: Repositories, kind: str, rest: str
) -> tuple[str, Repository, list[str]] | None:
    """The repository with the longest name that fits, and what is asked of it."""
    names = [name for of, name in repositories if of == kind]
    fits = [name for name in names if f"{rest}/".startswith(f"{name}/")]
    if not fits:
        return None
    name = max(fits, key=len)
    asked = [*rest[len(name) + 1 :].split("/", 2), "", "", ""]
    return name, repositories[kind, name], asked[:3]


def _nobody() -> Answer:
    # As huggingface.co answers those who have not logged in.
    return _refusal(401, "RepoNotFound", "Repository not found")


def _about(
    name: str,
    repository: Repository,
    asked: list[str],
    query: Mapping[str, list[str]],
    headers: Mapping[str, str],
    body: bytes,
) -> Answer:
    what, revision, inside = asked
    if what == "discussions":
        said = repository.discussions
        return _found({"count": len(said), "start": 0, "discussions": said})
    if what == "refs":
        return _found(_refs(repository))
    commit = repository.at(unquote(revision) or "main")
    if commit is None:
        return _refusal(404, "RevisionNotFound", f"Invalid rev id: {unquote(revision)}")
    if what in ("", "revision"):
        return _found(_info(name, commit))
    if what == "commits":
        return _found([_history_entry(one) for one in commit.history()])
    if what == "tree":
        whole = query.get("recursive", [""])[0].lower() in ("true", "1")
        entries = _tree(commit, unquote(inside), whole=whole)
        return _found(entries) if entries else _refusal(404, "EntryNotFound", "no such folder")
    if what == "paths-info":
        return _found(_paths(commit, _asked_paths(headers, body)))
    return _refusal(404, "EntryNotFound", "there is no such page")


def _asked_paths(headers: Mapping[str, str], body: bytes) -> list[str]:
    if "json" in headers.get("Content-Type", ""):
        return json.loads(body)["paths"]
    return parse_qs(body.decode())["paths"]


def _file(repository: Repository | None, revision: str, name: str, part: str) -> Answer:
    if repository is None:
        return _nobody()
    commit = repository.at(revision)
    if commit is None:
        return _refusal(404, "RevisionNotFound", f"Invalid rev id: {revision}")
    headers = {"X-Repo-Commit": commit.name, "Accept-Ranges": "bytes"}
    if name not in commit.files:
        status, body, said = _refusal(404, "EntryNotFound", "Entry not found")
        return status, body, said | headers
    data = commit.files[name]
    headers["ETag"] = f'"{_sha256(data) if name.endswith(_LARGE) else _sha1(data)}"'
    asked = re.match(r"bytes=(\d+)-(\d*)", part)
    if not asked:
        return 200, data, headers
    first, last = int(asked[1]), int(asked[2] or len(data) - 1)
    headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
    return 206, data[first : last + 1], headers


def _found(value: object) -> Answer:
    return 200, json_bytes(value), {"Content-Type": "application/json"}


def _refusal(status: int, code: str, message: str) -> Answer:
    headers = {"X-Error-Code": code, "X-Error-Message": message}
    return status, json_bytes({"error": message}), headers | {"Content-Type": "application/json"}


def _info(name: str, commit: Commit) -> dict[str, Any]:
    siblings = []
    for path, data in commit.files.items():
        entry = _entry(path, data)
        siblings.append({"rfilename": path, "size": entry["size"], "blobId": entry["oid"]})
        if "lfs" in entry:
            lfs = entry["lfs"]
            siblings[-1]["lfs"] = {"sha256": lfs["oid"], "size": lfs["size"], "pointerSize": 130}
    return {
        "id": name,
        "sha": commit.name,
        "private": False,
        "gated": False,
        "disabled": False,
        "tags": [],
        "downloads": 0,
        "likes": 0,
        "lastModified": WHEN,
        "createdAt": WHEN,
        "siblings": siblings,
    }


def _refs(repository: Repository) -> dict[str, list[dict[str, str]]]:
    listed: dict[str, list[dict[str, str]]] = {"branches": [], "tags": []}
    listed |= {"converts": [], "pullRequests": []}
    for name, commit in repository.revisions.items():
        kinds = {"refs/convert/": "converts", "refs/pr/": "pullRequests"}
        start = next((start for start in kinds if name.startswith(start)), "")
        ref = name if start else f"refs/heads/{name}"
        entry = {"name": name.removeprefix(start), "ref": ref, "targetCommit": commit.name}
        listed[kinds.get(start, "branches")].append(entry)
    return listed


def _history_entry(commit: Commit) -> dict[str, Any]:
    return {"id": commit.name, "title": "", "message": "", "authors": [], "date": WHEN}


def _tree(commit: Commit, inside: str, *, whole: bool) -> list[dict[str, Any]]:
    start = f"{inside}/" if inside else ""
    entries: dict[str, dict[str, Any]] = {}
    for path, data in commit.files.items():
        if not path.startswith(start):
            continue
        folders = path[len(start) :].split("/")[:-1]
        for depth in range(len(folders)) if whole else range(min(1, len(folders))):
            folder = start + "/".join(folders[: depth + 1])
            entries[folder] = _folder(folder)
        if whole or not folders:
            entries[path] = _entry(path, data)
    return [*entries.values()]


def _paths(commit: Commit, asked: list[str]) -> list[dict[str, Any]]:
    found = []
    for path in asked:
        if path in commit.files:
            found.append(_entry(path, commit.files[path]))
        elif any(name.startswith(f"{path}/") for name in commit.files):
            found.append(_folder(path))
    return found


def _folder(path: str) -> dict[str, Any]:
    return {"type": "directory", "oid": _sha1(path.encode()), "size": 0, "path": path}


def _entry(path: str, data: bytes) -> dict[str, Any]:
    entry = {"type": "file", "oid": _sha1(data), "size": len(data), "path": path}
    if path.endswith(_LARGE):
        entry["lfs"] = {"oid": _sha256(data), "size": len(data), "pointerSize": 130}
    return entry


def json_bytes(value: object) -> bytes:
    return json.dumps(value).encode()


def _sha1(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

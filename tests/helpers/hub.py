"""A hub on this machine: what the real clients ask of huggingface.co, with faults on demand.

`hub` and `sets_hub` are fixtures; a test that starts the program passes `hub.environment(folder)`.
"""

import hashlib
import json
import re
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

BOT = "SFconvertbot"
CONVERSION = "Adding `safetensors` variant of this model"
PORTAL = b"<html><body>Welcome to Grand Hotel. Please log in.</body></html>"
_LARGE = (".safetensors", ".bin", ".parquet")
_WHEN = "2024-01-01T00:00:00.000Z"

Files = Mapping[str, bytes | str] | Path


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


@dataclass
class Fault:
    """What happens to requests that match, instead of or beside the answer.

    Attributes:
        part: of the path of the request, as it is sent.
        method: only these requests.
        status: answered with this number, `message`, and the hub's error code `code`.
        headers: of that answer.
        portal: answered with somebody's login page and status 200.
        close: the connection is closed without a word.
        cut: the connection is closed after so many bytes of the answer's body.
        delay: seconds before anything.
        after: so many matching requests go well first.
        times: so many requests fail; then all goes well again.
    """

    part: str = ""
    method: str | None = None
    status: int | None = None
    message: str = ""
    code: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    portal: bool = False
    close: bool = False
    cut: int | None = None
    delay: float = 0.0
    after: int = 0
    times: int | None = None
    seen: int = 0

    def strikes(self, method: str, path: str) -> bool:
        if self.part not in path or self.method not in (None, method):
            return False
        self.seen += 1
        number = self.seen - self.after
        return number > 0 and (self.times is None or number <= self.times)


class Hub:
    """A server on 127.0.0.1 with repositories in memory."""

    def __init__(self) -> None:
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.requests: list[str] = []
        self.faults: list[Fault] = []
        self.closing = threading.Event()
        self.lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.hub = self  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """From here on connections are refused."""
        if not self.closing.is_set():
            self.closing.set()
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()

    def add_model(self, name: str, files: Files, *, revision: str = "main") -> str:
        """Put files under a revision, as a commit after what is there; its hash is returned."""
        return self._add("models", name, files, revision)

    def add_dataset(self, name: str, files: Files, *, revision: str = "main") -> str:
        return self._add("datasets", name, files, revision)

    def add_pull_request(
        self,
        name: str,
        files: Files,
        *,
        title: str = CONVERSION,
        author: str = BOT,
        status: str = "open",
    ) -> str:
        """Propose files beside those of main, of a model; the commit's hash is returned."""
        repository = self.repositories["models", name]
        number = len(repository.discussions) + 1
        repository.discussions.append(
            {
                "num": number,
                "title": title,
                "author": {"name": author, "type": "user"},
                "status": status,
                "isPullRequest": True,
                "createdAt": _WHEN,
                "repo": {"name": name, "type": "model"},
            }
        )
        main = repository.revisions["main"]
        commit = _commit(f"{name} {number}", main.files | _bytes(files), main)
        repository.revisions[f"refs/pr/{number}"] = commit
        return commit.name

    def fail(self, part: str = "", **how: Any) -> Fault:
        """Let requests fail whose path has this part, as `Fault` says."""
        self.faults.append(Fault(part, **how))
        return self.faults[-1]

    def heal(self) -> None:
        self.faults.clear()

    def environment(self, folder: Path) -> dict[str, str]:
        """Variables for another process that is to ask this hub, with caches in a folder."""
        return {
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(folder / "hf"),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "PREFPROP_CACHE": str(folder / "prefprop"),
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }

    def _add(self, kind: str, name: str, files: Files, revision: str) -> str:
        repository = self.repositories.setdefault((kind, name), Repository())
        parent = repository.revisions.get(revision)
        commit = _commit(f"{kind} {name} {revision}", _bytes(files), parent)
        repository.revisions[revision] = commit
        return commit.name


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that huggingface_hub asks in this process, with caches in `tmp_path`; no waiting."""
    import huggingface_hub.file_download
    import huggingface_hub.utils._http
    from huggingface_hub import constants

    server = Hub()
    for name, value in server.environment(tmp_path).items():
        # datasets copies this one when it is imported, for good.
        if name != "HF_ENDPOINT":
            monkeypatch.setenv(name, value)
    home = tmp_path / "hf"
    template = "/{repo_id}/resolve/{revision}/{filename}"
    for name, value in {
        "ENDPOINT": server.url,
        "HUGGINGFACE_CO_URL_TEMPLATE": server.url + template,
        "HF_HOME": str(home),
        "HF_HUB_CACHE": str(home / "hub"),
        "HUGGINGFACE_HUB_CACHE": str(home / "hub"),
        "HF_TOKEN_PATH": str(home / "token"),
        "HF_HUB_DISABLE_XET": True,
        "HF_HUB_DISABLE_TELEMETRY": True,
    }.items():
        monkeypatch.setattr(constants, name, value, raising=False)
    hasty = SimpleNamespace(**{**vars(time), "sleep": lambda seconds: None})
    for module in (huggingface_hub.file_download, huggingface_hub.utils._http):
        monkeypatch.setattr(module, "time", hasty)
    _close_session()
    yield server
    _close_session()
    server.close()


@pytest.fixture
def sets_hub(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """The same for the library `datasets`, which keeps copies of its own."""
    import datasets
    from huggingface_hub import HfFileSystem

    monkeypatch.setattr(datasets.config, "HF_ENDPOINT", hub.url)
    template = hub.url + "/datasets/{repo_id}/resolve/{revision}/{path}"
    monkeypatch.setattr(datasets.config, "HUB_DATASETS_URL", template)
    for name in ("HF_DATASETS_CACHE", "HF_MODULES_CACHE", "DOWNLOADED_DATASETS_PATH"):
        folder = tmp_path / "hf" / name.lower()
        monkeypatch.setattr(datasets.config, name, type(getattr(datasets.config, name))(folder))
    HfFileSystem.clear_instance_cache()
    return hub


class _Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    # A client that waits for the last packet of a small answer would wait 40 ms each time.
    disable_nagle_algorithm = True

    @property
    def hub(self) -> Hub:
        return self.server.hub  # type: ignore[attr-defined]

    def log_message(self, *_: object) -> None:
        """Nothing on stderr: the requests are in `Hub.requests`."""

    def do_GET(self) -> None:
        with suppress(ConnectionError):
            self._serve()

    do_HEAD = do_POST = do_GET

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        with self.hub.lock:
            self.hub.requests.append(f"{self.command} {self.path}")
            struck = [f for f in self.hub.faults if f.strikes(self.command, self.path)]
        fault = struck[0] if struck else Fault()
        self.hub.closing.wait(fault.delay)
        if fault.close or self.hub.closing.is_set():
            self._hang_up()
        elif fault.portal:
            self._send(200, PORTAL, {"Content-Type": "text/html"})
        elif fault.status:
            said = {"X-Error-Message": fault.message, "X-Error-Code": fault.code}
            headers = {key: text for key, text in said.items() if text} | dict(fault.headers)
            self._send(fault.status, _json({"error": fault.message}), headers)
        else:
            self._send(*self._answer(body), cut=fault.cut)

    def _hang_up(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _send(
        self, status: int, body: bytes, headers: Mapping[str, str], cut: int | None = None
    ) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | dict(headers)).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(body[:cut])
        if cut is not None:
            self._hang_up()

    def _answer(self, body: bytes) -> tuple[int, bytes, dict[str, str]]:
        path = urlsplit(self.path).path
        if found := re.fullmatch(r"/(datasets/)?(.+?)/resolve/([^/]+)/(.+)", path):
            kind, name, revision, file = found.groups()
            repository = self.hub.repositories.get((kind[:-1] if kind else "models", name))
            return self._file(repository, unquote(revision), unquote(file))
        if found := re.fullmatch(r"/api/(models|datasets)/(.+)", path):
            return self._about(found[1], found[2], body)
        return _refusal(404, "EntryNotFound", "there is no such page")

    def _about(self, kind: str, rest: str, body: bytes) -> tuple[int, bytes, dict[str, str]]:
        names = [name for of, name in self.hub.repositories if of == kind]
        fits = [name for name in names if f"{rest}/".startswith(f"{name}/")]
        if not fits:
            # As huggingface.co answers those who have not logged in.
            return _refusal(401, "RepoNotFound", "Repository not found")
        name = max(fits, key=len)
        repository = self.hub.repositories[kind, name]
        what, revision, inside = ([*rest[len(name) + 1 :].split("/", 2), "", "", ""])[:3]
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
            whole = self._query("recursive").lower() in ("true", "1")
            entries = _tree(commit, unquote(inside), whole=whole)
            return _found(entries) if entries else _refusal(404, "EntryNotFound", "no such folder")
        if what == "paths-info":
            return _found(_paths(commit, self._paths(body)))
        return _refusal(404, "EntryNotFound", "there is no such page")

    def _query(self, name: str) -> str:
        return parse_qs(urlsplit(self.path).query).get(name, [""])[0]

    def _paths(self, body: bytes) -> list[str]:
        if "json" in self.headers.get("Content-Type", ""):
            return json.loads(body)["paths"]
        return parse_qs(body.decode())["paths"]

    def _file(
        self, repository: Repository | None, revision: str, name: str
    ) -> tuple[int, bytes, dict[str, str]]:
        if repository is None:
            return _refusal(401, "RepoNotFound", "Repository not found")
        commit = repository.at(revision)
        if commit is None:
            return _refusal(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        headers = {"X-Repo-Commit": commit.name, "Accept-Ranges": "bytes"}
        if name not in commit.files:
            status, body, said = _refusal(404, "EntryNotFound", "Entry not found")
            return status, body, said | headers
        data = commit.files[name]
        headers["ETag"] = f'"{_sha256(data) if name.endswith(_LARGE) else _sha1(data)}"'
        asked = re.match(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if not asked:
            return 200, data, headers
        first, last = int(asked[1]), int(asked[2] or len(data) - 1)
        headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
        return 206, data[first : last + 1], headers


def _found(value: object) -> tuple[int, bytes, dict[str, str]]:
    return 200, _json(value), {"Content-Type": "application/json"}


def _refusal(status: int, code: str, message: str) -> tuple[int, bytes, dict[str, str]]:
    headers = {"X-Error-Code": code, "X-Error-Message": message}
    return status, _json({"error": message}), headers | {"Content-Type": "application/json"}


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
        "lastModified": _WHEN,
        "createdAt": _WHEN,
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
    return {"id": commit.name, "title": "", "message": "", "authors": [], "date": _WHEN}


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


def _commit(seed: str, files: dict[str, bytes], parent: Commit | None) -> Commit:
    facts = [seed, parent and parent.name, {name: _sha1(data) for name, data in files.items()}]
    return Commit(_sha1(_json(facts)), files, parent)


def _bytes(files: Files) -> dict[str, bytes]:
    if isinstance(files, Path):
        paths = [path for path in sorted(files.rglob("*")) if path.is_file()]
        return {path.relative_to(files).as_posix(): path.read_bytes() for path in paths}
    return {name: text.encode() if isinstance(text, str) else text for name, text in files.items()}


def _close_session() -> None:
    """Let huggingface_hub forget its connections; older ones have no such function."""
    import huggingface_hub

    getattr(huggingface_hub, "close_session", lambda: None)()


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _sha1(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

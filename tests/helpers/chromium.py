"""A page in headless Chromium, driven over a pipe: no network, no package beside the browser.

The protocol is Chrome's own (`--remote-debugging-pipe`): JSON messages that end in a zero byte.
"""

import base64
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
    *("--no-first-run", "--disable-background-networking", "--disable-extensions"),
    *("--disable-component-update", "--remote-debugging-pipe"),
)
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"

Message = dict[str, Any]


def executable() -> str | None:
    """The browser on PATH, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@dataclass
class Browser:
    """One page of a running browser; `requests` and `complaints` are of what it showed last."""

    writer: int
    reader: int
    session: str = ""
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    _n: int = 0
    _rest: bytes = b""

    def show(self, page: Path, *, width: int, dark: bool = False, media: str = "screen") -> None:
        """Load a file in a window of this width, in CSS pixels."""
        self.requests.clear()
        self.complaints.clear()
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", media=media, features=[scheme])
        self.call("Page.navigate", url=page.resolve().as_uri())
        while self._receive().get("method") != "Page.loadEventFired":
            pass

    def value(self, script: str) -> Any:
        """What an expression is in the page."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def screenshot(self, path: Path) -> None:
        """The whole page as a PNG file."""
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True, format="png")
        path.write_bytes(base64.b64decode(shot["data"]))

    def call(self, method: str, **parameters: object) -> Message:
        """Send a command and wait for its result."""
        self._n += 1
        message: Message = {"id": self._n, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.writer, json.dumps(message).encode() + b"\0")
        while (answer := self._receive()).get("id") != self._n:
            pass
        assert "error" not in answer, answer
        return dict(answer["result"])

    def _receive(self) -> Message:
        while b"\0" not in self._rest:
            data = os.read(self.reader, 2**16)
            assert data, "the browser has ended"
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\0")
        message: Message = json.loads(line)
        match message.get("method"):
            case "Network.requestWillBeSent":
                self.requests.append(message["params"]["request"]["url"])
            case "Runtime.consoleAPICalled" | "Runtime.exceptionThrown" | "Log.entryAdded":
                self.complaints.append(json.dumps(message["params"]))
        return message


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser with one page that tells what it loads and what it complains of."""
    program = executable()
    assert program
    to_browser, writer = os.pipe()
    reader, from_browser = os.pipe()
    ends = to_browser, from_browser
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        # It reads from descriptor 3 and writes to 4.
        start = f'exec "$@" 3<&{to_browser} 4>&{from_browser}'
        arguments = [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        process = subprocess.Popen(
            ["bash", "-c", start, "bash", *arguments], pass_fds=ends, stderr=subprocess.DEVNULL
        )
        for end in ends:
            os.close(end)
        found = Browser(writer, reader)
        try:
            targets = found.call("Target.getTargets")["targetInfos"]
            target = next(each["targetId"] for each in targets if each["type"] == "page")
            found.session = found.call("Target.attachToTarget", targetId=target, flatten=True)[
                "sessionId"
            ]
            for domain in ("Page", "Network", "Runtime", "Log"):
                found.call(f"{domain}.enable")
            yield found
        finally:
            os.close(writer)
            os.close(reader)
            process.terminate()
            process.wait(timeout=30)

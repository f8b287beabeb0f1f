"""What stands in an HTML file, read without a browser."""

from html.parser import HTMLParser

_VOID = ("meta", "img", "br")


class Page(HTMLParser):
    """Tags, addresses, what pictures are said to show, and the texts in each kind of element."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str | None] = []
        self.pictures: list[str | None] = []
        self.texts: dict[str, list[str]] = {}
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.append(tag)
        self.addresses += [values[name] for name in ("src", "href") if name in values]
        if values.get("role") == "img":
            self.pictures.append(values.get("aria-label"))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        if self.open and data.strip():
            self.texts.setdefault(self.open[-1], []).append(data)

    def assert_alone(self) -> None:
        """It loads nothing, runs nothing, and is whole."""
        assert not {"script", "link", "iframe", "object", "img"} & set(self.tags)
        assert not self.addresses
        assert not self.open
        assert all(self.pictures)

"""Both pages in a real browser: width, night, paper, and what they load and complain of."""

import json
from pathlib import Path

import pytest

from prefprop_cli.report.calibration_html import calibration_html
from prefprop_cli.report.run_html import run_page
from prefprop_cli.runs import RunFolder
from tests.helpers import chromium, finished
from tests.unit.report.test_calibration_html import calibrated
from tests.unit.report.test_run_html import corpus, gone, written

pytestmark = pytest.mark.skipif(
    chromium.executable() is None, reason=f"no {' or '.join(chromium.NAMES)} on PATH"
)

CONTRAST = """
(() => {
  const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const seen = colour => {  // any notation as what lies on the paper
    canvas.fillStyle = getComputedStyle(document.body).backgroundColor;
    canvas.fillRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = rgb => rgb.map(c => c / 255)
    .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = e => {
    for (; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      if (colour !== "rgba(0, 0, 0, 0)") return colour;
    }
  };
  return [...document.querySelectorAll("body *")]
    .filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()))
    .map(e => {
      const style = getComputedStyle(e);
      const ink = light(seen(e.closest("svg") ? style.fill : style.color));
      const paper = light(seen(ground(e)));
      const [low, high] = [ink, paper].sort((a, b) => a - b);
      return [e.textContent.trim().slice(0, 30), (high + 0.05) / (low + 0.05)];
    })
    .sort((a, b) => a[1] - b[1])[0];
})()
"""
"""The text with the least contrast, and how much it has (WCAG 2.1)."""


@pytest.fixture(scope="module")
def browser():
    with chromium.browser() as found:
        yield found


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    long = finished.write(
        folder / ("a" * 120), finished.config(set_name="newsgroups"), n_classes=20, n=100
    )
    texts = {
        "run": run_page(written(folder), corpus_of=corpus),
        "many": run_page(RunFolder.open(long), corpus_of=gone),
        "calibration": calibration_html(calibrated(folder / "calibrated")),
    }
    for name, text in texts.items():
        (folder / f"{name}.html").write_text(text)
    return {name: folder / f"{name}.html" for name in texts}


@pytest.mark.parametrize("name", ["run", "many", "calibration"])
@pytest.mark.parametrize("width", [375, 900, 1280])
def test_nothing_is_wider_than_the_window(browser, pages, name, width):
    browser.show(pages[name], width=width)
    assert browser.value("window.innerWidth") == width
    assert browser.value(chromium.OVERFLOW) == 0
    boxes = browser.value(
        "[...document.querySelectorAll('.scroll')]"
        ".filter(e => e.scrollWidth > e.clientWidth).map(e => e.getAttribute('aria-label'))"
    )
    if width >= 900:
        assert not boxes


@pytest.mark.parametrize("name", ["run", "calibration"])
def test_it_loads_nothing_and_complains_of_nothing(browser, pages, name):
    browser.show(pages[name], width=900)
    assert browser.requests == [pages[name].resolve().as_uri()]
    assert browser.complaints == []
    assert browser.value("document.scripts.length") == 0
    assert "<script>alert(1)</script>" in browser.value("document.body.innerText")


@pytest.mark.parametrize("name", ["run", "many", "calibration"])
@pytest.mark.parametrize("dark", [False, True])
def test_it_can_be_read_by_day_and_by_night(browser, pages, name, dark):
    browser.show(pages[name], width=900, dark=dark)
    paper = browser.value("getComputedStyle(document.body).backgroundColor")
    assert paper == ("rgb(20, 24, 29)" if dark else "rgb(255, 255, 255)")
    text, contrast = browser.value(CONTRAST)
    assert contrast >= 4.5, text


def test_paper_is_white_and_shows_whole_tables(browser, pages):
    browser.show(pages["many"], width=900, dark=True, media="print")
    assert browser.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.value("getComputedStyle(document.querySelector('.scroll')).overflowX") == (
        "visible"
    )


def test_it_is_made_of_named_parts(browser, pages):
    browser.show(pages["run"], width=900)
    assert browser.value("document.documentElement.lang") == "en"
    assert browser.value("document.title")
    nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
    roles = [
        (node.get("role", {}).get("value"), node.get("name", {}).get("value")) for node in nodes
    ]
    pictures = [name for role, name in roles if role in ("image", "img", "graphics-document")]
    assert len(pictures) == 3
    assert all(pictures), json.dumps(roles)
    assert {"columnheader", "rowheader", "heading", "main"} <= {role for role, _ in roles}
    assert all(name for role, name in roles if role == "region")


def test_the_browser_sees_what_is_wrong(browser, tmp_path):
    """Else the tests above could not fail."""
    bad = tmp_path / "bad.html"
    bad.write_text(
        "<!doctype html><body style='background:white'><p style='width:2000px;color:#bbb'>text</p>"
        "<img src='http://nowhere.invalid/a.png'><script>console.error('no')</script>"
    )
    browser.show(bad, width=900)
    assert browser.value(chromium.OVERFLOW) > 1000
    assert "http://nowhere.invalid/a.png" in browser.requests
    assert browser.complaints
    assert browser.value(CONTRAST)[1] < 2

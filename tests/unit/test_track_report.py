"""The report page: complete, self-contained, and pointing at the planted faults."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from app.track_report.page import document, write_report
from app.tracks.table import FORMATS, open_writer
from engine.offline.recording import Recording
from engine.types import Frame
from tests.measure.smoothing import noisy
from tests.support.tracks import HEADER, recorded, walk, write_all


class Balanced(HTMLParser):
    """Fails on a tag that is closed where another is open."""

    EMPTY = frozenset({"meta", "img", "input", "br", "line", "circle", "rect", "path"})

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.EMPTY:
            assert self.open.pop() == tag


@pytest.fixture
def faulty() -> Recording:
    times, truth = walk()
    seen = noisy(truth, np.random.default_rng(0))
    seen[100:] += (200, 0)
    seen[40:44, 9] += (150, -80)
    seen[60:70] = np.nan
    return recorded(seen, times)


def pictures(count=180):
    for index in range(count):
        yield Frame(np.full((360, 640, 3), index, np.uint8), index, index / 30, 0.0, "clip.mp4")


def test_the_page_shows_each_planted_fault_with_pictures_and_the_remedy(faulty, tmp_path):
    page = document(faulty, tmp_path / "clip.ndjson", pictures)
    Balanced().feed(page)
    assert "0 jumps" in page
    assert "posestream edit split clip.ndjson 0 --at 3.333" in page
    assert "left elbow – left wrist" in page
    assert page.count("data:image/jpeg;base64,") >= 3
    assert re.search(r"<td>0\.37 s</td><td>10</td>", page)
    assert 'href="#moment-0"' in page
    assert 'id="moment-0"' in page


def test_nothing_is_fetched_from_outside(faulty, tmp_path):
    page = document(faulty, tmp_path / "clip.ndjson", pictures)
    assert not re.findall(r"(?:src|href)=\"(?!data:|#)", page)
    assert "http" not in page.replace("http-equiv", "")


def test_nobody_to_be_seen_is_a_page_too(tmp_path):
    path = tmp_path / "clip.ndjson"
    write_all([open_writer(FORMATS["ndjson"], path, HEADER)], iter(()))
    write_report(path, tmp_path / "clip.html", None)
    page = (tmp_path / "clip.html").read_text()
    Balanced().feed(page)
    assert "None." in page


def test_names_from_outside_cannot_break_out_of_the_page(faulty, tmp_path):
    object.__setattr__(faulty, "header", {**faulty.header, "source": "<script>alert(1)</script>"})
    page = document(faulty, tmp_path / "<b>.ndjson", pictures)
    assert "<script>" not in page
    assert "<b>.ndjson" not in page

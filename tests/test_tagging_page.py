"""The pages of `predict --html`."""

import base64
import io
import re

import numpy as np
from PIL import Image

from toy_watch import bright_tagger, frame
from xscatter.frames import Unreadable, from_array
from xscatter.tagging import page, tables
from xscatter.tagging.picture import frame_picture


def test_many_frames_are_an_index_and_pages(tmp_path, monkeypatch):
    monkeypatch.setattr(page, "A_PAGE", 2)
    tagger = bright_tagger()
    frames = [from_array(frame(10 * n), source=f"<{n}>", center=(9, 9)) for n in range(1, 5)]
    for number in (2, 4):
        out = tables.Tables(tmp_path / str(number), html=True)
        items = [*frames[:number], Unreadable("bad", 0, "bad: is <empty>")][: number + number // 4]
        with out.written(tagger):
            for item in items:
                ready = tagger.ready(item)
                out.add(ready, tagger.tag([ready])[0])
    assert sorted(path.name for path in (tmp_path / "2").iterdir()) == [
        "legend.csv",
        "tags.csv",
        "tags.html",
        "tags.json",
    ]
    assert (tmp_path / "2" / "tags.html").read_text().count("<section") == 2
    index = (tmp_path / "4" / "tags.html").read_text()
    assert "5 frames, 2 on a page" in index
    assert "<td>bright<td>2" in index
    pages = re.findall("href='(tags-pages/[^']*)'", index)
    texts = [(tmp_path / "4" / name).read_text() for name in pages]
    assert [text.count("<section") for text in texts] == [2, 2, 1]
    assert "&lt;3&gt; [0]" in texts[1]
    assert "bad: is &lt;empty&gt;" in texts[2]
    assert max(map(len, texts)) < 2 * 2**18


def test_a_picture_shows_counts_mask_center_and_strength():
    counts, mask = np.full((100, 80), 1.0), np.zeros((100, 80), bool)
    counts[:50], mask[:, :20] = 1000, True
    strength = np.zeros((2, 2))
    strength[1, 1] = 1
    address = frame_picture(counts, mask, 50, center=(50, 60), strength=strength)
    content = base64.b64decode(address.partition(",")[2])
    pixels = np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)
    assert pixels.shape == (50, 40, 3)
    assert pixels[5, 15].sum() > 500  # the brightest counts
    assert pixels[45, 15].sum() < 60
    assert abs(pixels[5, 5] - (0x8D, 0xA9, 0xC4)).max() < 8
    assert pixels[45, 35, 1] > 150  # green
    assert abs(pixels[25, 30] - (77, 255, 136)).max() < 8

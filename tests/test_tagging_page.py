"""The pages of `predict --html`."""

import base64
import io
import re

import numpy as np
from PIL import Image

from toy_watch import bright_tagger, frame
from xscatter.frames import Unreadable, from_array
from xscatter.tagging import Tagged, page, tables
from xscatter.tagging.live import LivePage
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


def test_the_live_page_stays_small_whatever_the_number_of_frames(tmp_path):
    tagger = bright_tagger()
    live = LivePage(tmp_path / "live.html", tagger, "watch <here>")
    live.tell(0, 0, now=True)
    assert "0 frames tagged" in live.path.read_text()
    sizes = []
    for turn in range(2):
        for n in range(320):
            counts = frame(10 if n < 160 else 40, seed=n)
            name = f"{'x' * 90}{turn}-{n}"
            ready = tagger.ready(from_array(counts, source=name, center=(9, 9)))
            tagged = tagger.tag([ready])[0]
            live.see(ready, tagged)
            live.add([tagged])
        live.add([Tagged("bad.h5", 7, note="bad.h5: is <empty>", failed=True)])
        live.tell(12, 3, now=True)
        sizes.append(live.path.stat().st_size)
    assert max(sizes) < 2e6
    assert sizes[1] < 1.2 * sizes[0]
    text = live.path.read_text()
    assert "640 frames tagged, 2 could not be read" in text
    assert "12 files waiting, 3 still being written" in text
    assert text.count("<img") == 39  # and one that could not be read
    assert "bad.h5: is &lt;empty&gt;" in text
    assert "frames: 320</text>" in text
    # Half of each turn is bright.
    points = re.search("<polyline points='([^']*)'", text)[1].split()
    heights = [float(point.partition(",")[2]) for point in points]
    middle = sorted(heights)[0] + sorted(heights)[-1]
    assert sum(height < middle / 2 for height in heights) == len(heights) / 2


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

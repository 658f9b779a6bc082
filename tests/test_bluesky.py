"""The callback for Bluesky: a real RunEngine with simulated detectors, and documents by hand."""

import h5py
import numpy as np
import pytest

from toy_tiled import constant_tagger
from xscatter.bluesky import FINISHED, NO_BEAM, TagCallback

Y, X = np.mgrid[:64, :64] - 31.5
HALO = 20 * np.exp(-(((np.hypot(Y, X) - 18) / 6) ** 2))
RING = 60 * np.exp(-(((np.hypot(Y, X) - 25) / 2) ** 2))
CENTER = (31.5, 31.5)


class Detector:
    """Counts that change with the number of the exposure."""

    def __init__(self, expected):
        self.exposures, self._expected = 0, expected
        self._random = np.random.default_rng(0)

    def expose(self):
        self.exposures += 1
        return self._random.poisson(self._expected(self.exposures)).astype(np.int32)


def counted(callback, detector, most):
    """Run a plan that stops by advice; return the documents."""
    bluesky = pytest.importorskip("bluesky", reason="the test extra installs bluesky")
    sim = pytest.importorskip("ophyd.sim", reason="the test extra installs ophyd")
    import bluesky.plan_stubs as bps

    device = sim.SynSignal(func=detector.expose, name="image")
    engine, documents = bluesky.RunEngine({}), []
    engine.subscribe(callback)
    engine.subscribe(lambda name, doc: documents.append((name, doc)))

    def plan():
        yield from bps.open_run({"wavelength": 1.0})
        for _ in range(most):
            yield from bps.trigger_and_read([device, sim.motor])
            if callback.advice is not None:
                break
        yield from bps.close_run()

    engine(plan())
    return documents


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_a_plan_stops_when_the_process_is_over():
    detector, seen = Detector(lambda n: 1 + HALO + (RING if n > 15 else 0)), []
    callback = TagCallback(
        constant_tagger(), on_frame=lambda *news: seen.append(news), center=CENTER
    )
    counted(callback, detector, 60)
    assert callback.advice == FINISHED
    assert 15 < detector.exposures < 40
    assert len(seen) == detector.exposures - 1  # ophyd exposes once when it makes a signal
    assert [tagged.index for tagged, _ in seen] == list(range(len(seen)))
    assert all(tagged.tags == ("4-fold ring",) for tagged, _ in seen)
    assert next(event.kind for event in callback.events) == "onset"
    assert callback.why


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_a_plan_stops_when_the_beam_is_lost():
    detector = Detector(lambda n: (1 + HALO) * (n <= 20))
    callback = TagCallback(constant_tagger(), center=CENTER)
    documents = counted(callback, detector, 60)
    assert callback.advice == NO_BEAM
    assert detector.exposures == 22
    # The same documents again, as a file of them gives: nothing of the run before is left.
    before = callback.events
    for name, doc in documents:
        callback(name, doc)
    assert callback.advice == NO_BEAM
    assert callback.events == before


def start(callback, keys, **start):
    callback("start", {"uid": "run", **start})
    callback("descriptor", {"uid": "d", "name": "primary", "data_keys": keys})


IMAGE = {"shape": [64, 64], "dtype": "array"}


def test_frames_of_pages_streams_and_metadata():
    callback = TagCallback(constant_tagger())
    start(callback, {"image": IMAGE, "x": {"shape": []}}, beam_center_x=30, beam_center_y=32)
    images = np.random.default_rng(1).poisson(9, (3, 64, 64))
    page = {"descriptor": "d", "time": [1.0, 2.0, 3.0], "data": {"image": images, "x": [1, 2, 3]}}
    callback("event_page", page)
    assert callback.tagged.note == ""
    assert (callback.tagged.source, callback.tagged.index) == ("run/primary/image", 2)
    assert callback.tagged.center == (32, 30)
    callback("event", {"descriptor": "baseline", "data": {"image": images[0]}, "time": 4.0})
    assert callback.tagged.index == 2


def test_files_that_detectors_write(tmp_path):
    path = tmp_path / "run.h5"
    with h5py.File(path, "w") as file:
        file["entry/data/data"] = np.random.default_rng(1).poisson(9, (4, 64, 64))
    seen = []
    callback = TagCallback(constant_tagger(), on_frame=lambda tagged, _: seen.append(tagged))
    start(callback, {"image": {**IMAGE, "external": "STREAM:"}})
    resource = {"uid": "r", "data_key": "image", "uri": f"file://localhost{path}"}
    resource |= {"mimetype": "application/x-hdf5", "parameters": {"dataset": "/entry/data/data"}}
    callback("stream_resource", resource)
    for first, stop in ((0, 2), (2, 5)):
        indices = {"start": first, "stop": stop}
        callback("stream_datum", {"stream_resource": "r", "descriptor": "d", "indices": indices})
    assert [tagged.index for tagged in seen] == [0, 1, 2, 3, 4]
    assert [tagged.failed for tagged in seen] == [False] * 4 + [True]


def test_what_cannot_be_read_never_stops_a_plan():
    callback = TagCallback(constant_tagger())
    start(callback, {"one": IMAGE, "two": IMAGE})
    assert "one, two; give field" in callback.tagged.note
    start(callback, {"image": IMAGE})
    callback("event", {"descriptor": "d", "time": 1.0, "data": {"image": "uid/0"}})
    assert "does not hold them" in callback.tagged.note
    callback("event", {})
    assert "cannot be understood" in callback.tagged.note
    callback("nonsense", {})


def test_an_adviser_decides():
    class Adviser:
        def tell(self, item, time=None):
            self.time = time

        def ask(self):
            from types import SimpleNamespace

            return SimpleNamespace(action="stop", why="enough") if self.time > 1 else None

    callback = TagCallback(constant_tagger(), adviser=Adviser())
    start(callback, {"image": IMAGE})
    image, advice = np.random.default_rng(1).poisson(9, (64, 64)), []
    for time in (1.0, 2.0):
        callback("event", {"descriptor": "d", "time": time, "data": {"image": image}})
        advice.append(callback.advice)
    assert advice == [None, FINISHED]
    assert callback.why == "enough"

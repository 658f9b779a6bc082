"""The file of a network has no times and no addresses in it."""

import json
import zipfile

from xscatter.networks.save import save_model


class Stored:
    """A model that Keras would save with these addresses, at this time."""

    def __init__(self, addresses, time):
        shared = [{"shared_object_id": one, "class_name": "Dense"} for one in addresses]
        self.config, self.time = {"layers": shared}, time

    def save(self, path):
        assert path.suffix == ".keras"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("config.json", json.dumps(self.config))
            archive.writestr("metadata.json", json.dumps({"date_saved": self.time}))
            archive.writestr("model.weights.h5", b"weights")


def test_the_same_network_has_the_same_bytes_whenever_it_is_saved(tmp_path):
    for name, model in (
        ("a", Stored([140, 150, 140], "2026-01-01")),
        ("b", Stored([920, 910, 920], "2026-01-02")),
        ("c", Stored([920, 910, 910], "2026-01-02")),
    ):
        save_model(model, tmp_path / name)
    first, second, other = ((tmp_path / name).read_bytes() for name in "abc")
    assert first == second != other
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "c"]
    with zipfile.ZipFile(tmp_path / "a") as archive:
        assert archive.read("model.weights.h5") == b"weights"

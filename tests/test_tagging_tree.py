"""The tags of a frame in one line."""

import numpy as np

from toy_watch import bright_tagger, frame
from xscatter.frames import from_array
from xscatter.store.bundle import Bundle, BundledNetwork
from xscatter.tagging import Tagged, Tagger
from xscatter.tagging.tree import split, summary, tree


class Certain:
    inputs = ("image",)

    def logits(self, inputs):
        return np.tile([3.0, 2.0, 1.0], (len(inputs["image"]), 1))


def tagger():
    known = {"slope": 1, "offset": 0, "threshold": 0.5, "prevalence": 0.5}
    precision = {"strong scattering": 0.9, "ring": 0.8, "ring: spotted": 0.1}
    tags = {name: known | {"precision": value} for name, value in precision.items()}
    entry = BundledNetwork("image.onnx", "0" * 64, ["image"], tags)
    bundle = Bundle("certain", dict.fromkeys(tags, "A tag."), 64, {}, {"image": entry})
    return Tagger(bundle, {"image": Certain()})


def test_a_tag_stands_behind_the_one_that_it_implies():
    tags = ["halo", "ring: sharp", "large grains", "ring: spotted", "ring", "4-fold"]
    assert tree(tags) == "halo; ring → sharp, spotted (large grains); 4-fold"
    assert tree(["ring: sharp", "symmetry halo"]) == "ring: sharp; symmetry halo"
    assert tree([]) == ""


def test_what_a_precise_tag_implies_is_no_weak_hint():
    tags = ["ring: textured", "ring", "ring: anisotropic", "halo"]
    assert split(tags, {"ring: textured": 0.7, "ring": 0.2}) == (tags[:3], ["halo"])


def test_tags_that_are_seldom_right_are_counted_only():
    [tagged] = tagger().predict(from_array(frame(9), source="a"))
    assert tagged.tags == ("strong scattering", "ring", "ring: spotted")
    assert summary(tagger(), tagged) == "strong scattering; ring; 1 weak hint"
    assert summary(bright_tagger(), Tagged("a", 0, "image")) == "no tag"


def test_values_that_are_no_counts_have_no_tags_of_exposure():
    [tagged] = tagger().predict(from_array(frame(9) * np.float32(1e-6), source="a"))
    assert tagged.tags == ("ring", "ring: spotted")
    assert np.isnan(tagged.probability).tolist() == [True, False, False]

"""The gallery: a picture of a feature, and the page of all of them."""

from xscatter.simulate.gallery import feature_figure, feature_page, find_experiments, write_pictures
from xscatter.simulate.registry import all_features, get


def test_page_names_every_feature_and_parameter():
    page = feature_page("folder/")
    for feature in all_features().values():
        assert f"(folder/{feature.name}.png)" in page
        for parameter in feature.parameters:
            assert f"| `{parameter.name}` | {parameter.unit} |" in page


def test_picture_of_one_feature(tmp_path):
    (path,) = write_pictures(tmp_path, ["ring"])
    assert path.read_bytes().startswith(b"\x89PNG")


def test_examples_are_experiments_that_can_show_the_feature():
    rod = get("bragg_rods")
    assert all(experiment.grazing for experiment in find_experiments(rod, 2, size=48))
    assert len(feature_figure(rod, examples=1).axes) >= 2

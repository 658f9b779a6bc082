"""Simulate x-ray scattering images, and train taggers that recognise what they show.

The names below are loaded when they are first used: importing xscatter costs nothing, and loads
neither NumPy nor TensorFlow.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xscatter.advice.advisor import Advisor
    from xscatter.advice.next_point import NextPoint
    from xscatter.core.errors import UserError
    from xscatter.core.version import __version__ as __version__
    from xscatter.fourier_bessel.plan import Plan
    from xscatter.frames.center import find_center
    from xscatter.frames.frame import Frame
    from xscatter.frames.reading import read as read_frame
    from xscatter.frames.reading import read_all as read_frames
    from xscatter.geometry import Geometry
    from xscatter.pictures import show_frame
    from xscatter.records.read import Records, open_records
    from xscatter.sequences.trends.trend import Trend, fit_trend
    from xscatter.simulate.experiment import Experiment
    from xscatter.simulate.image import simulate_image
    from xscatter.simulate.sequence_shard import simulate_sequence
    from xscatter.simulate.shard import simulate_experiment
    from xscatter.store.experiments import ExperimentFile, open_experiment
    from xscatter.store.paths import StudyPaths
    from xscatter.store.sequences import SequenceFile, open_sequence
    from xscatter.study.reading import load_study
    from xscatter.study.study import Study
    from xscatter.tagging.sequence import SequenceTagger
    from xscatter.tagging.tagged import Tagged
    from xscatter.tagging.tagger import Tagger

__all__ = [
    "Advisor",
    "Experiment",
    "ExperimentFile",
    "Frame",
    "Geometry",
    "NextPoint",
    "Plan",
    "Records",
    "SequenceFile",
    "SequenceTagger",
    "Study",
    "StudyPaths",
    "Tagged",
    "Tagger",
    "Trend",
    "UserError",
    "find_center",
    "fit_trend",
    "load_study",
    "open_experiment",
    "open_records",
    "open_sequence",
    "read_frame",
    "read_frames",
    "show_frame",
    "simulate_experiment",
    "simulate_image",
    "simulate_sequence",
]

_PLACES = {
    # The version is loaded late, too: importlib.metadata takes 20 ms.
    "__version__": "core.version:__version__",
    "Advisor": "advice.advisor:Advisor",
    "Experiment": "simulate.experiment:Experiment",
    "ExperimentFile": "store.experiments:ExperimentFile",
    "Frame": "frames.frame:Frame",
    "Geometry": "geometry:Geometry",
    "NextPoint": "advice.next_point:NextPoint",
    "Plan": "fourier_bessel.plan:Plan",
    "Records": "records.read:Records",
    "SequenceFile": "store.sequences:SequenceFile",
    "SequenceTagger": "tagging.sequence:SequenceTagger",
    "Study": "study.study:Study",
    "StudyPaths": "store.paths:StudyPaths",
    "Tagged": "tagging.tagged:Tagged",
    "Tagger": "tagging.tagger:Tagger",
    "Trend": "sequences.trends.trend:Trend",
    "UserError": "core.errors:UserError",
    "find_center": "frames.center:find_center",
    "fit_trend": "sequences.trends.trend:fit_trend",
    "load_study": "study.reading:load_study",
    "open_experiment": "store.experiments:open_experiment",
    "open_records": "records.read:open_records",
    "open_sequence": "store.sequences:open_sequence",
    "read_frame": "frames.reading:read",
    "read_frames": "frames.reading:read_all",
    "show_frame": "pictures:show_frame",
    "simulate_experiment": "simulate.shard:simulate_experiment",
    "simulate_image": "simulate.image:simulate_image",
    "simulate_sequence": "simulate.sequence_shard:simulate_sequence",
}


def __getattr__(name: str) -> Any:
    """Load a public name from its room when it is first used."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = _PLACES[name].partition(":")
    value = getattr(import_module(f"{__name__}.{module}"), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_PLACES})

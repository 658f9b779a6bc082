"""The study: one YAML file that decides the content of all other files."""

from xscatter.study.pack import Pack
from xscatter.study.reading import (
    describe_problem,
    dump_study,
    load_recorded_study,
    load_study,
    parse_study,
    read_yaml,
    schema,
)
from xscatter.study.section import Section
from xscatter.study.sequence import FIRST_SEQUENCE, Sequences
from xscatter.study.simulate import Simulate
from xscatter.study.study import PHYSICS, STAGES, Study
from xscatter.study.train import Train
from xscatter.study.transform import Transform
from xscatter.study.walltime import Walltime

__all__ = [
    "FIRST_SEQUENCE",
    "PHYSICS",
    "STAGES",
    "Pack",
    "Section",
    "Sequences",
    "Simulate",
    "Study",
    "Train",
    "Transform",
    "Walltime",
    "describe_problem",
    "dump_study",
    "load_recorded_study",
    "load_study",
    "parse_study",
    "read_yaml",
    "schema",
]

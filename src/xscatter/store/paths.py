"""The names of the files of a study; no other place knows them."""

from dataclasses import dataclass
from pathlib import Path

# Files in a folder of checkpoints, and what comes before the names of those that are damaged.
CHECKPOINTS, SET_ASIDE = "state-*.h5", "damaged-"


@dataclass(frozen=True)
class StudyPaths:
    """Paths of the files of a study, below ``results/<study>/``. No method touches a file.

    Example:
        >>> from pathlib import Path
        >>> from xscatter import StudyPaths
        >>> paths = StudyPaths(Path("results/demo"))
        >>> str(paths.experiment(3)), str(paths.model("joint"))
        ('results/demo/experiments/00003.h5', 'results/demo/models/joint')
    """

    root: Path

    @property
    def study(self) -> Path:
        """The resolved study, as it was run."""
        return self.root / "study.yaml"

    @property
    def submitted(self) -> Path:
        """Folder of the studies that jobs read, each as it was when they were submitted."""
        return self.root / ".studies"

    @property
    def plan(self) -> Path:
        """Figures that a pilot measured."""
        return self.root / "plan.json"

    def experiment(self, number: int | str) -> Path:
        """Experiment shard."""
        return self.root / "experiments" / f"{_digits(number)}.h5"

    def coefficients(self, number: int | str) -> Path:
        """Coefficients of one experiment."""
        return self.root / "coefficients" / f"{_digits(number)}.h5"

    def sequence(self, number: int | str) -> Path:
        """Sequence of frames."""
        return self.root / "sequences" / f"{_digits(number)}.h5"

    def features(self, number: int | str) -> Path:
        """Features of the frames of a sequence, beside it."""
        return self.root / "sequences" / f"{_digits(number)}.features.h5"

    @property
    def batches(self) -> Path:
        """Folder of the record batches."""
        return self.root / "batches"

    def batch(self, number: int | str) -> Path:
        """One record batch."""
        return self.batches / f"batch-{number}.bin"

    @property
    def assignment(self) -> Path:
        """Which record goes to which batch, with the checksum of every shard."""
        return self.batches / "assignment.json"

    @property
    def records(self) -> Path:
        """Layout and content of the batches."""
        return self.batches / "records.json"

    def model(self, view: str) -> Path:
        """Folder of one view; :class:`xscatter.store.models.ModelFolder` knows its files."""
        return self.root / "models" / view

    def training(self, view: str) -> Path:
        """Folder of checkpoints: not an output of the workflow, so that nothing deletes it."""
        return self.root / ".training" / view

    def leg(self, view: str, number: int | str) -> Path:
        """Report of one job of a training that takes several, written at its end."""
        return self.root / "models" / "legs" / f"{view}-{number}.json"

    def evaluation(self, view: str) -> Path:
        """Metrics of one view, or of the baseline `mean`, on the test batch."""
        return self.root / "evaluation" / f"{view}.json"

    def scores(self, view: str) -> Path:
        """Scores of every image of the test batch."""
        return self.root / "evaluation" / f"{view}-scores.npz"

    @property
    def embedder(self) -> Path:
        """Folder of a tagger of single frames: what the features of sequences are made with."""
        return self.root / "embedder"

    @property
    def tagger(self) -> Path:
        """Folder of the tagger: the networks as ONNX, with all that is needed to use them."""
        return self.root / "tagger"

    @property
    def report(self) -> Path:
        """The report."""
        return self.root / "report.html"

    def log(self, stage: str, unit: str | int = "all") -> Path:
        """Log of one job."""
        return self.root / "logs" / stage / f"{unit}.log"

    def benchmark(self, stage: str, unit: str | int = "all") -> Path:
        """Time and memory of one job, as measured by Snakemake."""
        return self.root / "benchmarks" / stage / f"{unit}.tsv"


@dataclass(frozen=True)
class ResolutionPaths:
    """Names of files of a comparison; each member has a folder of its own."""

    root: Path

    @property
    def study(self) -> Path:
        """The comparison, as it was run."""
        return self.root / "study.yaml"

    def member(self, name: str) -> StudyPaths:
        """The files of one member."""
        return StudyPaths(self.root / name)

    def cost(self, member: str, stage: str) -> Path:
        """CPU seconds, user and system, that one stage of one member took."""
        return self.root / member / "cost" / f"{stage}.txt"

    @property
    def tables(self) -> dict[str, Path]:
        """Tables that compare the members."""
        return {name: self.root / f"{name}.csv" for name in ("sizes", "differences", "tags")}

    @property
    def figures(self) -> dict[str, Path]:
        """Figures of the same comparison."""
        return {name: self.root / f"{name}.png" for name in ("sizes", "tags")}


def _digits(number: int | str) -> str:
    """Return five digits or more; a text is a wildcard of the workflow and stays as it is."""
    # Five digits sort by name up to 100 000 experiments.
    return number if isinstance(number, str) else f"{number:05d}"


def is_leg(path: str | Path) -> bool:
    """Return whether `path` is the report of one job of a training, see :meth:`StudyPaths.leg`."""
    return Path(path).parts[-3:-1] == ("models", "legs")


def study_paths(name: str, results: str | Path = "results") -> StudyPaths:
    """Return the paths of the study called `name` in the folder `results`."""
    return StudyPaths(Path(results) / name)

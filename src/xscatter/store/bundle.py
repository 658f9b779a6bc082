"""A tagger on disk: one folder with its networks as ONNX and all that is needed to use them.

``tagger.json`` describes the tagger and has the SHA-256 of each network, ``card.md`` says what it
can do, and ``study.yaml`` is the study that makes it.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from xscatter.core.errors import UserError
from xscatter.core.files import complete_folder, write_bytes, write_json, write_text
from xscatter.store.models import ModelFolder
from xscatter.store.paths import StudyPaths
from xscatter.views import VIEWS

FORMAT = 2
"""Version of ``tagger.json``, raised by a change that an earlier xscatter cannot read.

Without a temporal network a tagger is of format 1.
"""

DESCRIPTION, CARD, STUDY = "tagger.json", "card.md", "study.yaml"

COLUMNS = ("slope", "offset", "threshold", "precision", "prevalence")
"""What is known of each tag of a network; precision and prevalence are those of the test set."""

_FIX = "make the tagger again with `xscatter bundle`, or copy its folder again"


def network_file(view: str) -> str:
    """Return the name of the network of `view` in the folder of a tagger."""
    return f"{view}.onnx"


@dataclass(frozen=True)
class BundledNetwork:
    """One network of a tagger.

    Attributes:
        file: its name in the folder.
        sha256: of that file.
        inputs: names of its inputs.
        tags: by tag: the `COLUMNS`, and scores of the test; None is not defined.
        exclusive: groups of tags that exclude one another.
        scores: of all tags together in the test.
    """

    file: str
    sha256: str
    inputs: list[str]
    tags: dict[str, dict[str, Any]]
    exclusive: list[list[str]] = field(default_factory=list)
    scores: dict[str, Any] = field(default_factory=dict)

    def column(self, name: str) -> np.ndarray:
        """Return one of the `COLUMNS` (T,); NaN where it is not defined."""
        return np.array([one[name] for one in self.tags.values()], np.float64)


@dataclass(frozen=True)
class BundledSequence:
    """The temporal network of a tagger.

    Attributes:
        file: its name in the folder.
        sha256: of that file.
        state: numbers that it keeps from frame to frame.
        columns: number of columns of each group of features, in order.
        networks: by view: SHA-256 of the networks whose logits are among its features.
        processes: by process: family, slope, offset, threshold, and scores of the test.
        families: names, in the order of the last outputs.
        onset_frames: frames in which a process counts as one that has just begun.
        alarm_threshold: least probability of a report with few false alarms; None: not known.
        scores: of all processes together in the test.
    """

    file: str
    sha256: str
    state: int
    columns: dict[str, int]
    networks: dict[str, str]
    processes: dict[str, dict[str, Any]]
    families: list[str]
    onset_frames: int
    alarm_threshold: float | None
    scores: dict[str, Any] = field(default_factory=dict)

    def column(self, name: str) -> np.ndarray:
        """Return slope, offset or threshold of every process (P,)."""
        return np.array([one[name] for one in self.processes.values()], np.float64)


@dataclass(frozen=True)
class Bundle:
    """A tagger as its folder describes it.

    Attributes:
        name: of the study that makes it.
        tags: definition of each tag, in the order of the networks' outputs.
        size: side of the image input in pixels.
        transform: keys of the Fourier-Bessel expansion of the coefficient input.
        networks: by view.
        facts: training, test, study and versions that made it, for the reader.
        sequence: the temporal network, if there is one.
    """

    name: str
    tags: dict[str, str]
    size: int
    transform: dict[str, Any]
    networks: dict[str, BundledNetwork]
    facts: dict[str, Any] = field(default_factory=dict)
    sequence: BundledSequence | None = None

    def write(self, folder: Path, contents: Mapping[str, bytes], card: str, study: str) -> None:
        """Write the folder, completely or not at all; an earlier tagger in it is replaced.

        Args:
            folder: where to.
            contents: the ONNX file of each view, and of "sequence".
            card: text of the card.
            study: text of the study file.

        Raises:
            UserError: the folder holds something else, or cannot be written.
        """
        if folder.exists() and not (folder / DESCRIPTION).exists() and any(folder.iterdir()):
            raise UserError(f"{folder}: holds something else than a tagger; choose another with -o")
        with complete_folder(folder) as part:
            for view, content in contents.items():
                write_bytes(part / network_file(view), content)
            write_text(part / CARD, card)
            write_text(part / STUDY, study)
            entries = asdict(self)
            if self.sequence is None:  # earlier versions read it
                del entries["sequence"]
            made = FORMAT if self.sequence else 1
            write_json(part / DESCRIPTION, {"format": made, **entries})


def open_bundle(folder: str | Path) -> tuple[Path, Bundle]:
    """Return the tagger that `folder` has, and the folder it is in.

    Args:
        folder: of a tagger, of a study, or the ``models`` of a study.

    Raises:
        UserError: there is none, or it is damaged or of a newer version.
    """
    place = _find(Path(folder))
    path = place / DESCRIPTION
    try:
        content = json.loads(path.read_text())
        if (made := content.pop("format")) > FORMAT:
            raise UserError(
                f"{path}: is of format {made}, and this xscatter reads up to {FORMAT}; update it"
            )
        networks = {v: BundledNetwork(**one) for v, one in content.pop("networks").items()}
        own = content.pop("sequence", None)
        bundle = Bundle(**content, networks=networks, sequence=own and BundledSequence(**own))
        for network in networks.values():
            if list(network.tags) != list(bundle.tags):
                raise ValueError(f"{network.file} has other tags")
            columns = {name: network.column(name) for name in COLUMNS}
            if not all(np.isfinite(columns[name]).all() for name in ("slope", "offset")):
                raise ValueError(f"{network.file} has no calibration")
        if not networks:
            raise ValueError("it has no network")
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); {_FIX}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: damaged ({error}); {_FIX}") from error
    return place, bundle


def read_network(folder: Path, network: BundledNetwork | BundledSequence) -> bytes:
    """Return the ONNX file of a `network` in `folder`.

    Raises:
        UserError: it is missing, or is not the file that the description names.
    """
    path = folder / network.file
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); {_FIX}") from error
    if hashlib.sha256(content).hexdigest() != network.sha256:
        raise UserError(f"{path}: has another SHA-256 than {DESCRIPTION} says; {_FIX}")
    return content


def _find(folder: Path) -> Path:
    study = folder.parent if folder.name == "models" else folder
    for place in (folder, StudyPaths(study).tagger):
        if (place / DESCRIPTION).exists():
            return place
    if any(ModelFolder(StudyPaths(study).model(view)).network.exists() for view in VIEWS):
        raise UserError(
            f"{folder}: has networks, but no tagger yet; make it with `xscatter bundle {study}`"
        )
    raise UserError(
        f"{folder}: holds no tagger (no {DESCRIPTION}); name the folder of a study, such as "
        "results/demo, or that of a tagger"
    )

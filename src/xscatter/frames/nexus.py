"""Choose the frames of an HDF5 file: by NeXus' marks, or because nothing else can be meant."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

from xscatter.core.errors import UserError
from xscatter.frames.hdf5 import text

# Datasets that belong to frames and are none: a name in their path begins or ends so.
_BESIDE = re.compile(
    r"(^|_)(masks?|flat(_?field)?s?|darks?|bkg|background|trimbit|pedestal|gain(map)?|errors?|"
    r"sigma|variance|weights?|qx|qy|detectorspecific)(_|$)|dev$|mask$"
)
_CURVES = {"q", "radial", "tth", "two_theta", "2th"}  # axes of tables of 1-D curves
_NUMBERED = re.compile(r"data_\d+")  # Eiger's parts of one series
_DEEPEST = 12  # groups in groups
_MOST = 3  # names in a message


@dataclass(frozen=True)
class Series:
    """One series of frames.

    Attributes:
        parts: the datasets it is made of, in order.
        missing: the link to its next part, if that leads nowhere; "": there are no more.
    """

    parts: list[h5py.Dataset]
    missing: str = ""


def series(file: h5py.File, name: str, path: Path) -> dict[str, Series]:
    """Return the series of frames in a file by name.

    Args:
        file: the open file.
        name: of the dataset; "": the one that `default` and `signal` name; else the only one that
            can be meant, of one scan or of several.
        path: of the file, for messages.

    Raises:
        UserError: there is no such dataset, none that holds frames, or more than one.
    """
    if name:
        return {name: Series([_named(file, name, path)])}
    plotted = _default(file, path)
    if plotted:
        return plotted
    survey = _Survey(file, path)
    chosen = survey.signals or survey.others
    if not chosen and survey.broken:
        raise UserError(
            f"{path}: links to {survey.broken[0]}, which is missing; keep the files of a series "
            "together"
        )
    if not chosen:
        raise UserError(f"{path}: it is not clear which dataset holds frames; it holds none")
    for narrower in (_all, _is_frame_group, _is_stack):
        some = {key: one for key, one in chosen.items() if narrower(one.parts[0])}
        # The same path in several scans is the same detector.
        if some and len({_in_scan(key) for key in some}) == 1:
            return some
    raise UserError(
        f"{path}: it is not clear which dataset holds frames; write {path.name}::PATH"
        f"{_listed(list(chosen))}"
    )


class _Survey:
    """The series of a file: those that are a `signal`, the others, and links that lead nowhere."""

    def __init__(self, file: h5py.File, path: Path):
        self.signals: dict[str, Series] = {}
        self.others: dict[str, Series] = {}
        self.broken: list[str] = []
        self._path, self._seen = path, set[Any]()
        self._visit(file, "", 0)
        # A file of darks alone is one of frames.
        plain = {
            key: one
            for key, one in self.others.items()
            if not any(_BESIDE.search(word.lower()) for word in key.split("/"))
        }
        self.others = plain or {
            key: one for key, one in self.others.items() if "detectorSpecific" not in key
        }

    def _visit(self, group: h5py.Group, prefix: str, depth: int) -> None:
        signal = _signal(group, prefix, self._path)
        for label, marked in (signal or {}).items():
            # Groups of a file often link to the same data.
            if not any(marked.parts[0] == known.parts[0] for known in self.signals.values()):
                self.signals[label] = marked
        numbered = _numbered(group, self._path)
        if numbered:
            self.others[f"{prefix}/data_*"] = numbered
        for key in group:
            name = f"{prefix}/{key}"
            if numbered and _NUMBERED.fullmatch(key):
                continue
            item = _get(group, key)
            if item is None:
                self.broken.append(_target(group, key))
                continue
            # One thing may have several names, and links may form a ring.
            info = h5py.h5o.get_info(item.id)
            identity = (info.fileno, info.addr)
            if identity in self._seen:
                continue
            self._seen.add(identity)
            if isinstance(item, h5py.Group):
                if depth < _DEEPEST:
                    self._visit(item, name, depth + 1)
            elif is_frames(item) and not _is_curves(item, group):
                # NeXus files of before 2014 mark the dataset itself.
                old = text(item.attrs.get("signal", "")) == "1" and not signal
                (self.signals if old else self.others)[name] = Series([item])


def is_frames(item: Any) -> bool:
    """Whether an item of a file is a dataset of frames."""
    return (
        isinstance(item, h5py.Dataset)
        and item.ndim in (2, 3, 4)
        and item.dtype.kind in "iuf"
        # Smaller ones are tables or spectra.
        and min(item.shape[-2:]) > 8
    )


def _is_curves(item: h5py.Dataset, group: h5py.Group) -> bool:
    """Whether the rows of a dataset are curves, not rows of pixels."""
    if text(item.attrs.get("interpretation", "")) in ("spectrum", "scalar", "scaler"):
        return True
    axes = [_get(group, key) for key in group if key.lower() in _CURVES]
    return any(isinstance(axis, h5py.Dataset) and axis.shape == item.shape[-1:] for axis in axes)


def _named(file: h5py.File, name: str, path: Path) -> h5py.Dataset:
    item = file.get(name)
    if item is None:
        raise UserError(f"{path}::{name}: there is no such dataset in the file{_instead(file)}")
    if isinstance(item, h5py.Group):
        signal = _signal(item, name, path)
        item = next(iter(signal.values())).parts[0] if signal else None
    if not is_frames(item):
        raise UserError(
            f"{path}::{name}: is not a dataset of frames (rows and columns of numbers)"
            f"{_instead(file)}"
        )
    return item


def _instead(file: h5py.File) -> str:
    """The first datasets of frames of the file, one of which may have been meant."""
    names: list[str] = []
    file.visititems(lambda name, item: names.append(f"/{name}") if is_frames(item) else None)
    return _listed(names) if names else "; it holds none"


def _listed(names: list[str]) -> str:
    more = ", …" if len(names) > _MOST else ""
    return f"; frames are in {', '.join(names[:_MOST])}{more}"


def _default(file: h5py.File, path: Path) -> dict[str, Series] | None:
    """The series to which `default` leads from group to group, and then `signal`."""
    group, name = file, ""
    for _ in range(8):  # no tree is so deep, but links may form a ring
        if isinstance(group, h5py.Group) and group.attrs.get("default") is not None:
            key = text(group.attrs["default"])
            group, name = group.get(key), f"{name}/{key}"
    return _signal(group, name, path) if isinstance(group, h5py.Group) else None


def _signal(group: h5py.Group, name: str, path: Path) -> dict[str, Series] | None:
    """The series that the attribute `signal` of a group names; None: no attribute, no frames.

    Raises:
        UserError: it leads to a file that is missing.
    """
    value = group.attrs.get("signal")
    if value is None:
        return None
    key = text(value)
    item = _get(group, key)
    if item is None:
        # Some writers of one maker name what they call differently.
        numbered = _numbered(group, path)
        if numbered:
            return {f"{name}/data_*": numbered}
        if key in list(group):  # `in group` itself follows links
            raise UserError(
                f"{path}: its frames are in {_target(group, key)}, which is missing; keep the "
                "files of a series together"
            )
        return None
    if not is_frames(item) or _is_curves(item, group):
        return None
    # The first part stands for all of them.
    numbered = _numbered(group, path) if _NUMBERED.fullmatch(key) else None
    return {f"{name}/data_*": numbered} if numbered else {f"{name}/{key}": Series([item])}


def _numbered(group: h5py.Group, path: Path) -> Series | None:
    """Eiger's data_000001 and so on, most of them links to other files; None: there are none.

    Raises:
        UserError: the first one is missing.
    """
    parts: list[h5py.Dataset] = []
    for key in sorted(key for key in group if _NUMBERED.fullmatch(key)):
        part = _get(group, key)
        if part is None:
            missing = f"links to {key}, which is missing; keep the files of a series together"
            if not parts:
                raise UserError(f"{path}: {missing}")
            return Series(parts, missing)
        if is_frames(part):
            parts.append(part)
    return Series(parts) if parts else None


def _get(group: h5py.Group, key: str) -> Any:
    """An item of a group; None where a link leads nowhere."""
    try:
        return group.get(key)
    except (OSError, RuntimeError):  # a link to a file that is no HDF5 file, or is damaged
        return None


def _target(group: h5py.Group, key: str) -> str:
    """The place that a link names."""
    name = key.encode()
    value = group.id.links.get_val(name)
    if group.id.links.get_info(name).type == h5py.h5l.TYPE_EXTERNAL:
        return "::".join(part.decode("utf-8", "replace") for part in value)
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else key


def _in_scan(name: str) -> str:
    """A path without its first group, which is the scan."""
    _, slash, inside = name.removeprefix("/").partition("/")
    return inside if slash else name


def _all(data: h5py.Dataset) -> bool:
    return True


def _is_frame_group(data: h5py.Dataset) -> bool:
    """Whether a dataset is a stack in a group of NeXus' classes for frames."""
    kind = text(data.parent.attrs.get("NX_class", ""))
    return kind in ("NXdata", "NXdetector") and data.ndim > 2


def _is_stack(data: h5py.Dataset) -> bool:
    return data.ndim > 2

"""The Slurm profile: where it is, copies of it, and better values in it."""

import difflib
import os
import re
from pathlib import Path

from xscatter.core.errors import UserError
from xscatter.core.files import write_text
from xscatter.jobs.cost import GROWTH


def source() -> Path:
    """Return the folder of the profile that comes with xscatter.

    Raises:
        UserError: this installation has none.
    """
    here = Path(__file__).resolve()
    for folder in (here.parents[1] / "profiles" / "slurm", here.parents[3] / "profiles" / "slurm"):
        if (folder / "config.yaml").exists():
            return folder
    raise UserError(
        "the Slurm profile is not part of this installation; "
        "take profiles/slurm from the repository"
    )


def user_folder() -> Path:
    """Return the folder in which Snakemake looks for a user's profiles."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "snakemake"


def install(name: str, force: bool) -> Path:
    """Copy the profile into the user's configuration as `name`; return its folder.

    Raises:
        UserError: `name` is not the name of a folder, or a profile of that name exists and differs
            and `force` is not set.
    """
    if name in ("", "..") or Path(name).name != name:
        raise UserError(
            f"--name: {name!r} is not the name of a profile; use letters, such as slurm"
        )
    target = user_folder() / name
    origin = source()
    files = [path for path in sorted(origin.iterdir()) if path.is_file()]
    for path in files:
        other = target / path.name
        if other.exists() and other.read_bytes() != path.read_bytes() and not force:
            raise UserError(
                f"{other}: exists and differs; --force overwrites it, --name gives another name"
            )
    for path in files:
        write_text(target / path.name, path.read_text())
    return target


def proposed(config: Path, proposals: dict[str, dict[str, int]]) -> str:
    """Return the text of a profile with better values under set-resources.

    Comments and all other lines stay as they are.

    Args:
        config: the profile.
        proposals: value of each key, by rule.
    """
    lines = config.read_text().splitlines()
    for rule, values in proposals.items():
        for key, value in values.items():
            _set(lines, rule, key, f"{value} * min(attempt, {GROWTH})")
    return "\n".join(lines) + "\n"


def _set(lines: list[str], rule: str, key: str, value: str) -> None:
    """Set one value: in its line, or in a new line of the rule, or in a new rule."""
    head = _find(lines, r"set-resources:", 0, len(lines))
    if head is None:
        lines.append("set-resources:")
        head = len(lines) - 1
    end = _block(lines, head, 0)
    place = _find(lines, rf"  {re.escape(rule)}:", head + 1, end)
    if place is None:
        lines[end:end] = [f"  {rule}:", f"    {key}: {value}"]
        return
    last = _block(lines, place, 2)
    own = _find(lines, rf"    {re.escape(key)}:", place + 1, last)
    if own is None:
        lines.insert(last, f"    {key}: {value}")
        return
    old, mark, comment = lines[own].partition("  #")
    lines[own] = f"    {key}: {value}" + (f"{mark}{comment}" if old.strip() else "")


def _find(lines: list[str], pattern: str, start: int, end: int) -> int | None:
    """Return the first of the lines from `start` to `end` that begins with `pattern`, if any."""
    return next(
        (here for here in range(start, end) if re.match(pattern + r"(\s|$)", lines[here])), None
    )


def _block(lines: list[str], head: int, indent: int) -> int:
    """Return the first line after the block that line `head` opens; comments in it belong to it."""
    end = head + 1
    for here in range(head + 1, len(lines)):
        text = lines[here]
        if text.strip() and not text.lstrip().startswith("#"):
            if len(text) - len(text.lstrip()) <= indent:
                break
            end = here + 1
    return end


def difference(config: Path, new: str) -> str:
    """Return the unified diff from the profile `config` to the text `new`, for `patch -p0`."""
    old = config.read_text()
    return "".join(
        difflib.unified_diff(
            old.splitlines(True), new.splitlines(True), str(config), str(config), n=2
        )
    )

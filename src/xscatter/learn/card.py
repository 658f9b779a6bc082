"""The card of a tagger: what it was trained on, how good it is, and what it cannot do."""

from xscatter.store.bundle import Bundle, BundledNetwork, BundledSequence
from xscatter.views import by_inputs

_FEW = 10_000  # training images below which a tagger is only good to try things out

_LIMITS = """\
- It was trained on simulated images alone, and the scores are those of simulated images. On real
  frames they are lower, most of all for instruments unlike the simulated ones.
- A probability is calibrated on simulated images: compare it between frames rather than trust it.
- It names what its tags define and nothing else, and measures nothing.
- The networks with coefficients need the beam centre. Where it is not known, the image network
  answers alone.
- A tag without precision was given to no test image, and a rare tag has wide intervals.
"""


def card(bundle: Bundle) -> str:
    """Return the card of a tagger as Markdown."""
    facts = bundle.facts
    views = [view.name for view in by_inputs() if view.name in bundle.networks]
    images = facts["training"]["images"]
    trained = "an unknown number of images" if images is None else f"{images:,} images"
    physics = facts["physics"] or "of an earlier version"
    files = [*bundle.networks.values(), *([bundle.sequence] if bundle.sequence else [])]
    parts = [f"# Tagger {bundle.name}\n"]
    if images is not None and images < _FEW:
        parts.append(
            "**A demonstration.** It was trained on few and small images, and shows how a tagger "
            "is used. Do not rely on its tags.\n"
        )
    parts += [
        f"Trained on {trained} of {bundle.size}×{bundle.size} pixels, simulated in "
        f"{facts['training']['experiments']} experiments with seed {facts['seed']}; tested on "
        f"{facts['test']['images']:,} images of {facts['test']['experiments']} other experiments. "
        "Intervals are 95 % bootstrap intervals over experiments.\n",
        "## Scores on simulated test images\n",
        "| network | inputs | mean average precision | interval | calibration error |\n"
        "|---|---|---|---|---|\n" + "".join(_scores(v, bundle.networks[v]) for v in views),
        f"Mean over the {bundle.networks[views[0]].scores['tags_that_occur']} of "
        f"{len(bundle.tags)} tags that occur in the test set.\n",
        f"## Tags of the {views[0]} network\n",
        "| tag | prevalence | average precision | interval | threshold | precision | recall |\n"
        "|---|---|---|---|---|---|---|\n" + _tags(bundle.networks[views[0]]),
        *([_sequences(bundle.sequence)] if bundle.sequence else []),
        "## What it cannot do\n",
        _LIMITS,
        "## Files\n",
        "| file | SHA-256 |\n|---|---|\n"
        + "".join(f"| {one.file} | `{one.sha256}` |\n" for one in files),
        f"Study hash `{facts['study_hash']}`, physics {physics}. To make it again, run "
        f"`{facts['command']}` with the `study.yaml` beside this card.\n",
    ]
    return "\n".join(parts)


def _sequences(network: BundledSequence) -> str:
    """Return how well processes in sequences are named."""
    scores = network.scores
    return (
        "## Processes in sequences\n\nMean average precision "
        f"{_number(scores['mean_average_precision'])} ({_interval(scores['interval'])}) over "
        f"{scores['processes_that_occur']} processes in {scores['sequences']} simulated sequences "
        "of other instruments.\n"
    )


def _scores(view: str, network: BundledNetwork) -> str:
    scores = network.scores
    return (
        f"| {view} | {', '.join(network.inputs)} | {_number(scores['mean_average_precision'])} | "
        f"{_interval(scores['interval'])} | {_number(scores['calibration_error'])} |\n"
    )


def _tags(network: BundledNetwork) -> str:
    return "".join(
        f"| {tag} | {_number(one['prevalence'])} | {_number(one['average_precision'])} | "
        f"{_interval(one['interval'])} | {_number(one['threshold'])} | "
        f"{_number(one['precision'])} | {_number(one['recall'])} |\n"
        for tag, one in network.tags.items()
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _interval(ends: list[float] | None) -> str:
    return f"{ends[0]:.3f} to {ends[1]:.3f}" if ends else ""

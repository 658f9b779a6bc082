"""The command: help for every verb, exit statuses, one-line errors, and what is not imported."""

import json
import pkgutil
import signal
import subprocess
import sys
import time

import pytest

import xscatter
from xscatter.cli import VERBS, main

STUDY_VERBS = ["plan", "simulate", "transform", "pack", "train", "test", "report"]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself_with_an_example(verb, capsys):
    with pytest.raises(SystemExit) as ended:
        main([verb, "-h"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert f"xscatter {verb} " in text.partition("xample")[2], "the help has no example"


def arguments(verb, study):
    return [verb, str(study), *(["--view", "image"] if verb in ("train", "test") else [])]


@pytest.mark.parametrize("verb", STUDY_VERBS)
def test_missing_and_wrong_studies_end_with_status_2_and_one_line(verb, tmp_path, capsys):
    missing = tmp_path / "none.yaml"
    assert main(arguments(verb, missing)) == 2
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("name: a\nsimulate: {size: 0}\n")
    assert main(arguments(verb, wrong)) == 2
    lines = [
        line
        for line in capsys.readouterr().err.splitlines()
        if line.startswith(f"xscatter {verb}: ")
    ]
    assert len(lines) == 2
    assert "none.yaml" in lines[0]
    assert "simulate.size" in lines[1]


ROOMS = [
    module.name
    for module in pkgutil.iter_modules(xscatter.__path__)
    if module.name not in ("__main__", "learn", "networks")
]


@pytest.fixture(scope="module")
def heavy():
    """Return what each of many steps in one process imported of TensorFlow and Keras."""
    program = """
import contextlib, importlib, io, json, sys
from xscatter.cli import main

heavy, names = {}, {"tensorflow", "keras"}
for words in json.loads(sys.argv[1]):
    before = names & sys.modules.keys()
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
        importlib.import_module(words[1]) if words[0] == "import" else main(words)
    heavy[" ".join(words)] = sorted(names & sys.modules.keys() - before)
print(json.dumps(heavy))
"""
    steps = [["--help"], ["--version"], *([verb, "-h"] for verb in VERBS)]
    steps += [["import", f"xscatter.{room}"] for room in ROOMS]
    command = [sys.executable, "-c", program, json.dumps(steps)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    "step",
    ["--help", "--version", *(f"{v} -h" for v in VERBS), *(f"import xscatter.{r}" for r in ROOMS)],
)
def test_tensorflow_is_not_imported(step, heavy):
    assert heavy[step] == []


def test_unknown_verb_is_status_2():
    with pytest.raises(SystemExit) as ended:
        main(["simulat"])
    assert ended.value.code == 2


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (
            ["predict", "a.cbf", "--centre", "1", "2"],
            "--centre: unknown argument; did you mean --center?",
        ),
        (
            ["watch", "frames", "--patern=*.cbf"],
            "--patern=*.cbf: unknown argument; did you mean --pattern?",
        ),
        (
            ["simulate", "a.yaml", "b.yaml"],
            "b.yaml: unknown argument; see xscatter simulate -h",
        ),
    ],
)
def test_misspelt_options_are_one_line_that_names_the_right_one(words, answer, capsys):
    assert main(words) == 2
    assert capsys.readouterr().err == f"xscatter {words[0]}: {answer}\n"


@pytest.mark.parametrize("text", ["-1", "nan", "inf", "soon"])
def test_watch_refuses_times_that_are_none(text, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["watch", "frames", f"--settle={text}"])
    assert ended.value.code == 2
    assert "not a number of seconds" in capsys.readouterr().err


def test_ctrl_c_is_one_line_and_status_130_and_leaves_nothing_half_written(tmp_path):
    study = tmp_path / "long.yaml"
    study.write_text("name: long\nsimulate: {experiments: 1000, images: 20, size: 64}\n")
    command = [
        sys.executable,
        "-m",
        "xscatter",
        "simulate",
        str(study),
        "-o",
        str(tmp_path / "out"),
    ]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        try:
            while not (tmp_path / "out" / "experiments" / "00000.h5").exists():
                assert running.poll() is None
                time.sleep(0.02)
            running.send_signal(signal.SIGINT)
            out, error = running.communicate(timeout=60)
        finally:
            running.kill()
    assert running.returncode == 130
    assert error == "xscatter simulate: interrupted; run the same command again to finish\n"
    assert out == ""
    assert not list((tmp_path / "out").rglob("*.part"))

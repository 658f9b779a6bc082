"""The command: help for every verb, exit statuses, one-line errors, and what is not imported."""

import signal
import subprocess
import sys
import time

import pytest

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


@pytest.mark.parametrize(
    "command", ["--help", "simulate -h", "transform -h", "pack -h", "verify -h", "--version"]
)
def test_tensorflow_is_not_imported(command):
    program = (
        "import sys; from xscatter.cli import main\n"
        "try: main(sys.argv[1:])\nexcept SystemExit: pass\n"
        "assert 'tensorflow' not in sys.modules and 'keras' not in sys.modules"
    )
    subprocess.run(
        [sys.executable, "-c", program, *command.split()],
        check=True,
        capture_output=True,
        timeout=60,
    )


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

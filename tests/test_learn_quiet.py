"""TensorFlow's greetings are left out; its errors are not, even when it ends the process."""

import os
import subprocess
import sys

GREETING = b"\n".join([
    b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR",
    b"I0000 00:00:1795531525.207375    9992 port.cc:153] oneDNN custom operations are on.",
    b"W0000 00:00:1795531525.207376    9992 some.cc:7] nothing to worry about",
    b"",
])  # fmt: skip
ERROR = b"E0000 00:00:1795531525.207377    9992 cuda.cc:51] no device\nplain words\n"
CODE = (
    "from xscatter.networks.quiet import import_tensorflow; import_tensorflow(); "
    "import os; os.write(2, b'I after')"
)


def said(folder, then="", **environment):
    """What stands on stderr, and the status, of a process that imports a TensorFlow of ours."""
    (folder / "keras.py").write_text("")
    (folder / "tensorflow.py").write_text(f"import os\nos.write(2, {GREETING + ERROR!r})\n{then}\n")
    variables = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    variables |= {"PYTHONPATH": str(folder), **environment}
    done = subprocess.run(
        [sys.executable, "-c", CODE], env=variables, capture_output=True, timeout=60
    )
    return done.stderr, done.returncode


def test_greetings_go_and_errors_stay(tmp_path):
    assert said(tmp_path) == (ERROR + b"I after", 0)


def test_last_words_are_heard(tmp_path):
    text, status = said(tmp_path, "os.abort()")
    assert status != 0
    assert text.startswith(ERROR)


def test_whoever_asks_hears_all(tmp_path):
    assert (
        said(tmp_path, TF_CPP_MIN_LOG_LEVEL="0")[0] == b"I after"
    )  # it is left to the next import
    code = CODE.replace("import os;", "import tensorflow, os;")
    variables = os.environ | {"PYTHONPATH": str(tmp_path), "TF_CPP_MIN_LOG_LEVEL": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=variables, capture_output=True, timeout=60
    )
    assert done.stderr == GREETING + ERROR + b"I after"


def test_the_real_one_is_silent():
    variables = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    code = CODE.replace(
        "os.write(2, b'I after')", "import tensorflow as tf; tf.constant([1.0]) + 1"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=variables, capture_output=True, timeout=300
    )
    assert (done.stderr, done.returncode) == (b"", 0)


def test_the_faster_kernels_are_on_unless_someone_says_otherwise(tmp_path, monkeypatch):
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    tell = "os.write(2, os.environ['TF_ENABLE_ONEDNN_OPTS'].encode())"
    assert said(tmp_path, tell)[0] == ERROR + b"1I after"
    assert said(tmp_path, tell, TF_ENABLE_ONEDNN_OPTS="0")[0] == ERROR + b"0I after"

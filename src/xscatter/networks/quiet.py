"""Import TensorFlow without its greetings, which would bury our own lines.

Some of them come while its libraries load, before it reads any setting. A process of its own
filters them meanwhile: it also passes on the message when TensorFlow ends this process, such as on
a processor that it cannot use. Warnings of loading are dropped; errors stay. If
TF_CPP_MIN_LOG_LEVEL is set, nothing is filtered.
"""

import os
import subprocess
import sys
from importlib.util import find_spec

from xscatter.core.errors import UserError

# A line of its log begins with severity (information, warning), month and day, time, thread, place.
_FILTER = r"""
import re, sys
first = rb"WARNING: All log messages before absl::Init|[IW]\d{4} [\d:.]+ +\d+ \S+:\d+\] "
greeting = re.compile(first)
for line in sys.stdin.buffer:
    if not greeting.match(line):
        sys.stderr.buffer.write(line)
        sys.stderr.buffer.flush()
"""


def require(package: str) -> None:
    """Check that a `package` of the training is installed.

    Raises:
        UserError: it is not.
    """
    if find_spec(package) is None:
        raise UserError(
            f"{package} is not installed; training, testing and making a tagger need it: "
            "pip install '.[train]' in a clone of xscatter"
        )


def import_tensorflow() -> None:
    """Import TensorFlow and Keras without their greetings, unless they are imported already.

    Raises:
        UserError: they are not installed.
    """
    if sys.modules.get("tensorflow"):
        return
    require("tensorflow")
    # TensorFlow leaves the faster kernels of oneDNN off on many processors, such as AMD's without
    # AVX-512, where a training step with them takes a third less time.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    if "TF_CPP_MIN_LOG_LEVEL" in os.environ:
        return  # whoever imports it next hears it
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"  # what it says later
    sys.stderr.flush()
    command = [sys.executable, "-I", "-S", "-c", _FILTER]
    # A Ctrl-C is for us; the filter ends when we do.
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as sieve:
        assert sieve.stdin is not None
        kept = os.dup(2)
        os.dup2(sieve.stdin.fileno(), 2)
        try:
            import keras  # noqa: F401
            import tensorflow  # noqa: F401
        finally:
            os.dup2(kept, 2)
            os.close(kept)

"""Training, stopping, resuming and testing the three networks; the only room that imports TensorFlow.

Importing this package imports nothing heavy: the modules below it do.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow greets every process at length

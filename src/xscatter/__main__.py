"""Run the command: `python -m xscatter` is the same as `xscatter`."""

import sys

from xscatter.cli import main

sys.exit(main())

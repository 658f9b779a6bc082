"""`python -m xscatter`, the same as `xscatter`."""

import sys

from xscatter.cli import main

sys.exit(main())

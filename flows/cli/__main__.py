"""`python -m flows.cli`: the command from a checkout."""

import sys

from flows.cli import main

sys.exit(main())

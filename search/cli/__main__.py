"""`python -m search.cli`: the command `hyperphase`."""

import sys

from search.cli.main import main

sys.exit(main())

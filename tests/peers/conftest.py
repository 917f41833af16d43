"""The peers' side of a comparison is the benchmark's; ``benchmarks`` lies beside ``src``, in no installed package."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

"""The torture's own modules, which ``python tests/torture`` finds beside its program."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

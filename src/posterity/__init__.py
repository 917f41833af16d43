"""Plausible restorations of images and signals, and how far to trust them."""

import os
import time

__version__ = "0.1.0"

STARTED, PROCESS, PARENT = time.time(), os.getpid(), os.getppid()
"""Noted before anything slow is imported: a workflow may be killed while its job still starts."""

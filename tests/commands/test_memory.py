"""Memory that a stage frees is used again."""

import platform
import subprocess
import sys

import pytest

_PROGRAM = """
import resource
import sys
import torch
from posterity.jobs import memory

if sys.argv[1] == "keep":
    memory.keep()
torch.set_num_threads(1)
x = torch.ones(12 << 20)
for turn in range(30):
    if turn == 25:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    total = x + x
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 5)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries keep memory in their own way")
def test_an_operation_maps_no_new_pages():
    """A result of 48 MiB is 12 288 pages of 4 KiB; at first, blocks of the right size have to come about."""
    pages = {}
    for way in ("keep", "leave"):
        done = subprocess.run([sys.executable, "-c", _PROGRAM, way], capture_output=True, text=True, check=True)
        pages[way] = float(done.stdout)
    assert pages["keep"] < 0.1 * pages["leave"], pages

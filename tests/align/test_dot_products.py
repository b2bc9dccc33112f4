"""Dot products in pieces."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from auscult.align.dot_products import PIECE_SIZE, compute_dot_product

COUNT_THREADS = """
import os
import time
import numpy as np
from auscult.align.dot_products import compute_dot_product
def read_ticks():
    tasks = os.listdir("/proc/self/task")
    return [int(open(f"/proc/self/task/{task}/stat").read().rsplit(")")[1].split()[11]) for task in tasks]
x = np.ones(1 << 17)
time.sleep(0.3)  # BLAS's threads wait busily for a while after they were made
for multiply in (compute_dot_product, np.dot):
    before = read_ticks()
    for _ in range(1500):
        multiply(x, x)
    print(sum(after > ticks for ticks, after in zip(before, read_ticks())))
"""


@pytest.mark.parametrize("size", [0, 1, PIECE_SIZE, PIECE_SIZE + 1, 3 * PIECE_SIZE - 5])
def test_it_is_the_dot_product(rng: np.random.Generator, size: int) -> None:
    x, y = rng.standard_normal(size), rng.standard_normal(size)
    assert compute_dot_product(x, y) == pytest.approx(float(x @ y), rel=1e-9, abs=1e-9)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts threads in /proc")
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="BLAS has one thread here")
def test_it_wakes_no_threads_where_blas_alone_does() -> None:
    environment = {name: value for name, value in os.environ.items() if "NUM_THREADS" not in name}
    command = [sys.executable, "-c", COUNT_THREADS]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    in_pieces, whole = map(int, ran.stdout.split())
    assert in_pieces == 1
    assert whole > 1

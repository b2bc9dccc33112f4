"""Run a command and print its wall seconds, peak memory in MiB and exit code, as JSON on stderr's last line.

A process of its own, so that the peak memory of a large parent is not counted as the child's.
"""

import json
import resource
import subprocess
import sys
import time

start = time.perf_counter()
code = subprocess.run(
    sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
).returncode
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
sys.stderr.write(json.dumps({"seconds": seconds, "mebibytes": peak, "code": code}) + "\n")

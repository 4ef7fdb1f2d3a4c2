"""The tasks of task.rs with pexpect on standard input; arguments: TASK COUNT."""

import json
import re
import resource
import select
import sys
import time

import pexpect
from pexpect import fdpexpect

task, count = sys.argv[1], int(sys.argv[2])
print("ready", flush=True)
if task != "wait":
    select.select([0], [], [])
cpu, began = time.process_time(), time.monotonic()
child = fdpexpect.fdspawn(0, timeout=120)
late = []


def lines(regex):
    compiled = [re.compile(regex + rb"\r?\n")]
    for n in range(count):
        child.expect_list(compiled)
        yield n, int(child.match.group(1))


if task == "literal":
    child.expect_exact(b"DONE code=42 ")
elif task == "regex":
    child.expect(rb"DONE code=(\d+) ")
elif task == "prefixless":
    child.expect(rb"[A-Z]+ code=(\d+) ")
elif task == "lines":
    assert all(value == 7 * n for n, value in lines(rb"value=(\d+)"))
elif task == "latency":
    late = sorted(time.monotonic_ns() - sent for _, sent in lines(rb"t=(\d+)"))
else:
    child.expect([b"never", pexpect.TIMEOUT], timeout=2)
usage = resource.getrusage(resource.RUSAGE_SELF)
print(
    json.dumps(
        {
            "seconds": time.monotonic() - began,
            "cpu": time.process_time() - cpu,
            "rss_mb": usage.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3),
            "late_us": late[len(late) // 2] / 1e3 if late else None,
        }
    )
)

"""Programs killed while they write: the file holds at least the last commit that returned, whole.

    kills.py APPEND H5 [--kills N]

APPEND is the example of that name of the tests.
"""

import argparse
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import threading
import time

import h5py
import numpy as np

ROWS, GROUPS, LARGEST = 50, 3, 1 << 20


def kill_once(append, path, wait):
    """Starts, kills, and gives the last commit that was printed."""
    process = subprocess.Popen([append, "run", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    timer = threading.Timer(wait, process.kill)
    timer.start()
    out, err = process.communicate()
    timer.cancel()
    if err:
        raise SystemExit(f"FAIL {path}: {err.decode()}")
    lines = out.decode().split("\n")
    # What follows the last line end was cut short.
    return int(lines[-2]) if len(lines) > 1 else None


def ours(append, path):
    done = subprocess.run([append, "check", path], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"FAIL {path}: {done.stderr}")
    return int(done.stdout)


def theirs(path):
    with h5py.File(path) as f:
        number = int(f.attrs["commit"])
        assert np.array_equal(f["rows"][:], np.arange(number * ROWS) * 3), "rows"
        assert np.all(f["state"][10:390] == number), "state"
        assert len(f) == 2 + number // GROUPS, "groups"
        assert all(f[f"group {i}"].attrs["number"] == i * GROUPS for i in range(1, number // GROUPS + 1))
    return number


parser = argparse.ArgumentParser()
parser.add_argument("append")
parser.add_argument("h5")
parser.add_argument("--kills", type=int, default=300)
args = parser.parse_args()
random.seed(5)
start, left, commits, by_h5py = time.monotonic(), {}, 0, 0
with tempfile.TemporaryDirectory() as folder:
    acked = {}
    for n in range(args.kills):
        path = pathlib.Path(folder) / ("old.h5", "new.h5")[n % 2]
        if path.exists() and path.stat().st_size > LARGEST:
            path.unlink()
            acked.pop(path)
        last = kill_once(args.append, path, random.uniform(0.004, 0.12))
        if last is not None:
            commits += last - acked.get(path, 0)
            acked[path] = last
        least = acked.get(path)
        if least is None and (not path.exists() or path.stat().st_size == 0):
            continue
        said = subprocess.run([args.h5, "--json", "recover", "--dry-run", path], capture_output=True, text=True)
        if least is None and said.returncode:
            # Killed before the first commit: there is no file yet.
            path.unlink()
            continue
        if said.returncode:
            raise SystemExit(f"FAIL {path}: {said.stderr}")
        found = json.loads(said.stdout)["found"]
        left[found] = left.get(found, 0) + 1
        number = ours(args.append, path)
        if number < (least or 0):
            raise SystemExit(f"FAIL {path}: commit {least} returned, the file holds {number}")
        acked[path] = number
        if n % 10 == 0 or found != "clean":
            if found != "clean":
                subprocess.run([args.h5, "recover", path], check=True, stdout=subprocess.DEVNULL)
            if theirs(path) != number:
                raise SystemExit(f"FAIL {path}: h5py does not see commit {number}")
            by_h5py += 1
taken = time.monotonic() - start
print(f"ok   {args.kills} kills, {commits} commits, left behind: {left}; {by_h5py} opened by h5py too; {taken:.0f} s")
sys.exit(commits < args.kills)

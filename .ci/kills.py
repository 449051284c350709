"""Programs killed while they write: the file holds at least the last commit that returned, whole.

    kills.py APPEND H5 [--kills N]

APPEND is the example of that name of the tests; a third of the kills meets `h5 apply` with many flushes.
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


def output(*command):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"FAIL {' '.join(map(str, command))}: {done.stderr}")
    return done.stdout


class Append:
    """The example, which goes on where the file ends and prints the number of each commit."""

    def __init__(self, program):
        self.program = program

    def start(self, path, _):
        return [self.program, "run", path]

    def number(self, line):
        return int(line)

    def ours(self, path):
        return int(output(self.program, "check", path))

    def theirs(self, path):
        with h5py.File(path) as f:
            number = int(f.attrs["commit"])
            assert np.array_equal(f["rows"][:], np.arange(number * ROWS) * 3), "rows"
            assert np.all(f["state"][10:390] == number), "state"
            assert len(f) == 2 + number // GROUPS, "groups"
            assert all(f[f"group {i}"].attrs["number"] == i * GROUPS for i in range(1, number // GROUPS + 1))
        return number


def mix(x):
    """As `h5 apply` makes values: SplitMix64's output function."""
    with np.errstate(over="ignore"):
        z = x + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def values(seed, count):
    return mix(np.arange(count, dtype="u8") + np.uint64(seed * 1000003))


class Apply:
    """`h5 apply` with edits for many commits, which prints the line of each flush."""

    INT = {"class": "int", "size": 8, "signed": False}
    MOST = 2000

    def __init__(self, h5):
        self.h5, self.flushes = h5, {}

    def start(self, path, holds):
        first, lines = (0 if holds is None else holds + 1), []
        if holds is None:
            lines.append({"op": "create", "libver": "v110" if "new" in path.name else "earliest"})
        self.flushes = {}
        for number in range(first, first + self.MOST):
            lines += self.edits(number) + [{"op": "flush"}]
            self.flushes[len(lines)] = number
        ops = path.with_suffix(".jsonl")
        ops.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return [self.h5, "apply", "--verbose", ops, path]

    def edits(self, number):
        """Rows that are appended, an array that is overwritten, text that is made anew, groups, the number of the commit."""
        slab = lambda path, start, count, seed: {"op": "write", "path": path, "dtype": self.INT, "start": [start], "count": [count], "data": seed}
        text = {"op": "dataset", "path": "/text", "dtype": {"class": "string", "size": "vlen", "charset": "ascii"}, "shape": [9], "data": number}
        commit = {"op": "attr", "path": "/", "name": "commit", "dtype": self.INT, "shape": [], "data": number}
        if number == 0:
            rows = {"op": "dataset", "path": "/rows", "dtype": self.INT, "shape": [0], "maxshape": [None], "layout": "chunked", "chunks": [64],
                    "filters": [["shuffle"], ["gzip", 1]]}
            return [rows, {"op": "dataset", "path": "/state", "dtype": self.INT, "shape": [400], "data": 0}, text, commit]
        group = {"op": "group", "path": f"/group {number // GROUPS}"}
        return [{"op": "resize", "path": "/rows", "shape": [number * ROWS]}, slab("/rows", (number - 1) * ROWS, ROWS, number),
                slab("/state", 10, 380, number), {"op": "delete", "path": "/text"}, text,
                *([group] if number % GROUPS == 0 else []), commit]

    def number(self, line):
        # What follows the last line that was made is the end of the edits.
        return self.flushes[int(line)]

    def ours(self, path):
        """What our reader sees before anything is recovered."""
        cat = lambda what: json.loads(output(self.h5, "cat", "--json", f"{path}::{what}"))
        number = json.loads(output(self.h5, "ls", "--json", path))["rows"]["shape"][0] // ROWS
        good = cat("/rows") == self.rows(number).tolist() and cat("/state[10:390]") == self.state(number).tolist()
        if not good or int(output(self.h5, "attrs", path, "--name", "commit")) != values(number, 1)[0]:
            raise SystemExit(f"FAIL {path}: not as of commit {number}")
        return number

    def rows(self, number):
        return np.concatenate([np.empty(0, "u8"), *(values(n, ROWS) for n in range(1, number + 1))])

    def state(self, number):
        return values(number, 380) if number else values(0, 400)[10:390]

    def theirs(self, path):
        with h5py.File(path) as f:
            number = len(f["rows"]) // ROWS
            assert np.array_equal(f["rows"][:], self.rows(number)), "rows"
            assert np.array_equal(f["state"][10:390], self.state(number)), "state"
            digits = [(f"{u:016x}" * 2)[: u % 24].encode() for u in map(int, values(number, 9))]
            assert list(f["text"][:]) == digits, "text"
            assert f.attrs["commit"] == values(number, 1)[0], "commit"
            assert sum(name.startswith("group ") for name in f) == len(f) - 3 == number // GROUPS, "groups"
        output(self.h5, "check", "--data", path)
        return number


def kill_once(program, path, holds, wait):
    """Starts, kills, and gives the last commit that was printed."""
    process = subprocess.Popen(program.start(path, holds), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    timer = threading.Timer(wait, process.kill)
    timer.start()
    out, err = process.communicate()
    timer.cancel()
    if err:
        raise SystemExit(f"FAIL {path}: {err.decode()}")
    lines = out.decode().split("\n")
    # What follows the last line end was cut short.
    return program.number(lines[-2]) if len(lines) > 1 else None


def kill_often(program, h5, kills, folder):
    """Kills, and looks at what is left: commits that returned, what was found, and how often h5py looked too."""
    acked, left, commits, by_h5py = {}, {}, 0, 0
    for n in range(kills):
        path = folder / ("old.h5", "new.h5")[n % 2]
        if path.exists() and path.stat().st_size > LARGEST:
            path.unlink()
            acked.pop(path)
        last = kill_once(program, path, acked.get(path), random.uniform(0.004, 0.12))
        if last is not None:
            commits += last - acked.get(path, 0)
            acked[path] = last
        least = acked.get(path)
        if least is None and (not path.exists() or path.stat().st_size == 0):
            continue
        said = subprocess.run([h5, "--json", "recover", "--dry-run", path], capture_output=True, text=True)
        if least is None and said.returncode:
            # Killed before the first commit: there is no file yet.
            path.unlink()
            continue
        if said.returncode:
            raise SystemExit(f"FAIL {path}: {said.stderr}")
        found = json.loads(said.stdout)["found"]
        left[found] = left.get(found, 0) + 1
        number = program.ours(path)
        if number < (least or 0):
            raise SystemExit(f"FAIL {path}: commit {least} returned, the file holds {number}")
        acked[path] = number
        if n % 10 == 0 or found != "clean":
            if found != "clean":
                output(h5, "recover", path)
            if program.theirs(path) != number:
                raise SystemExit(f"FAIL {path}: h5py does not see commit {number}")
            by_h5py += 1
    return commits, left, by_h5py


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("append")
parser.add_argument("h5")
parser.add_argument("--kills", type=int, default=300)
args = parser.parse_args()
random.seed(5)
few = False
for program, kills in [(Append(args.append), args.kills - args.kills // 3), (Apply(args.h5), args.kills // 3)]:
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        commits, left, by_h5py = kill_often(program, args.h5, kills, pathlib.Path(folder))
    taken, name = time.monotonic() - start, type(program).__name__.lower()
    few |= commits < kills
    print(f"{'FAIL' if commits < kills else 'ok  '} {name}: {kills} kills, {commits} commits, left behind: {left}; "
          f"{by_h5py} opened by h5py too; {taken:.0f} s")
sys.exit(few)

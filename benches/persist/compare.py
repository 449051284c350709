"""The workloads of h5preserve and jangada, done by the packages and by us in the same run.

    compare.py SHARED SPEED VENVS [--rounds N] [--folder DIR]

SPEED is persist/examples/speed.rs, built; VENVS holds the environments of the packages. Prints the best seconds of each, and
how many times as fast we are. The goals of issue 6 fail the run where they are missed.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("shared", type=pathlib.Path)
parser.add_argument("speed", type=pathlib.Path)
parser.add_argument("venvs", type=pathlib.Path)
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--folder", type=pathlib.Path, default=None)
args = parser.parse_args()
kit = args.shared.resolve() / "persistence/kit"

# Ours, the package, its workload, the ratio asked for. A "load them" follows the workload before it.
PAIRS = [
    ("dump 10000 objects (scalar dataset + 1 attribute)", "h5preserve", "dump 10000 objects (scalar dataset + 1 attribute)", 10),
    ("load 10000 objects", "h5preserve", "dump 10000 objects (scalar dataset + 1 attribute): load them", 10),
    ("dump 3000 objects (group of int + str)", "h5preserve", "dump 3000 objects (group of int + str)", None),
    ("load 3000 objects", "h5preserve", "dump 3000 objects (group of int + str): load them", None),
    ("1000 appends of 10 f8, one open (chunk 1000)", "jangada", "1000 appends of 10 f8, one open (chunk 1000)", 10),
    ("1000 appends of 10 f8, one open (file created from 3 elements)", "jangada", "1000 appends of 10 f8, one open, file created from 3 elements (chunk 3)", 10),
    ("1000 appends of 10 f8, file reopened each time", "jangada", "1000 appends of 10 f8, file reopened each time", None),
    ("one append of 1e6 f8 to a file created from 3 elements", "jangada", "one append of 1e6 f8 to a file created from 3 elements (chunk 3)", 100),
    ("1000 lazy slices of 100", "jangada", "1000 lazy slices of 100 (chunk 3)", None),
    ("save 1000 nested objects with 3-element arrays", "jangada", "save 1000 nested objects with 3-element arrays", None),
    ("load 1000 nested objects", "jangada", "save 1000 nested objects with 3-element arrays: load them", None),
]


def seconds(lines):
    """Workloads by name; those named alike by what they follow."""
    found, before = {}, ""
    for line in lines:
        row = json.loads(line)
        if "seconds" in row:
            name = row["workload"]
            if name == "load them":
                name = f"{before}: load them"
            before = row["workload"]
            found[name] = row["seconds"]
    return found


def best(rounds):
    return {name: min(found[name] for found in rounds) for name in rounds[0]}


ours, theirs = [], {"h5preserve": [], "jangada": []}
for _ in range(args.rounds):
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        ours.append(seconds(subprocess.run([args.speed, folder], capture_output=True, text=True, check=True).stdout.splitlines()))
    for system, rounds in theirs.items():
        python = args.venvs.resolve() / f"v_{system}/bin/python"
        done = subprocess.run([python, kit / f"perf/perf_{system}.py"], capture_output=True, text=True, check=True)
        rounds.append(seconds(done.stdout.splitlines()))

us, them, missed = best(ours), {system: best(rounds) for system, rounds in theirs.items()}, 0
print("| workload | we, s | package, s | times as fast | asked |\n| --- | --- | --- | --- | --- |")
for name, system, workload, asked in PAIRS:
    ratio = them[system][workload] / us[name]
    missed += asked is not None and ratio < asked
    print(f"| {name} | {us[name]:.4f} | {them[system][workload]:.4f} ({system}) | {ratio:.1f} | {asked or ''} |")
sys.exit(1 if missed else 0)

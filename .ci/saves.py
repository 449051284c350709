"""Saves that are killed: the file is the old one or the new one, and loads.

    saves.py SAVER [--kills N] [--seed N]

SAVER is persist/examples/saver.rs, built: it saves over one file again and again, and tells each save when it is done. It is
killed at a random moment; the file must then hold a save that was told, or the one after it, whole.
"""

import argparse
import pathlib
import random
import subprocess
import sys
import tempfile
import time

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("saver", type=pathlib.Path)
parser.add_argument("--kills", type=int, default=500)
parser.add_argument("--seed", type=int, default=1)
args = parser.parse_args()
rng = random.Random(args.seed)


def round_of(path, dialect, told):
    """One process, killed; the number of the last save that it told."""
    saver = subprocess.Popen([args.saver, "save", path, dialect], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(rng.uniform(0.001, 0.04))
    saver.kill()
    output, errors = saver.communicate()
    if errors:
        sys.exit(f"FAIL {dialect}: {errors}")
    lines = output.split()
    return max([told, *map(int, lines)])


failed, started = False, time.monotonic()
for dialect in ("native", "jangada"):
    kills, told, new, left = args.kills // 2, 0, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "saved.h5"
        for _ in range(kills):
            told = round_of(path, dialect, told)
            if not path.exists() and told == 0:
                continue
            done = subprocess.run([args.saver, "check", path, str(told)], capture_output=True, text=True)
            if done.returncode:
                print(f"     {dialect} after save {told}: {done.stderr.strip()[-300:]}")
                failed = True
                break
            found = int(done.stdout)
            new += found > told
            told = found
        left = len(list(pathlib.Path(folder).iterdir())) - 1
    print(f"{'FAIL' if failed else 'ok  '} {dialect}: {kills} kills, {told} saves, {new} whole and not yet told, "
          f"{left} unfinished files beside; {time.monotonic() - started:.0f} s", flush=True)
sys.exit(failed)

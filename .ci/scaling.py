"""`h5 digest` of many groups and many attributes takes no longer than h5py visiting them.

    scaling.py H5
"""

import pathlib
import subprocess
import sys
import tempfile
import time

import h5py

VISIT = """
import h5py, sys
with h5py.File(sys.argv[1]) as f:
    f.visititems(lambda name, item: (list(item.attrs.values()), None)[1])
"""


def seconds(command):
    best = None
    for _ in range(3):
        start = time.monotonic()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        taken = time.monotonic() - start
        best = taken if best is None else min(best, taken)
    return best


failed = 0
with tempfile.TemporaryDirectory() as folder:
    for libver in ("earliest", "latest"):
        groups, attributes = (pathlib.Path(folder) / f"{what}-{libver}.h5" for what in ("groups", "attributes"))
        with h5py.File(groups, "w", libver=libver) as f:
            for i in range(35_000):
                f.create_group(f"group {i:05}")
        with h5py.File(attributes, "w", libver=libver) as f:
            # Old headers hold less than 64 KiB of attributes each.
            for i in range(19_000):
                holder = f.require_group("g" if libver == "latest" else f"g{i // 500}")
                holder.attrs[f"attribute {i:05}"] = i
        for path in (groups, attributes):
            ours, theirs = seconds([sys.argv[1], "digest", path]), seconds([sys.executable, "-c", VISIT, path])
            good = ours <= theirs
            failed += not good
            print(f"{'ok  ' if good else 'FAIL'} {path.stem}: {ours:.2f} s, h5py {theirs:.2f} s", flush=True)
sys.exit(failed > 0)

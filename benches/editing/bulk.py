"""Many small things made by us and by libhdf5 (through h5py's low level) in the same run: seconds and ratios.

    cargo build --release -p hdf5-format --example bulk
    python3 benches/editing/bulk.py target/release/examples/bulk [--rounds 3]

A ratio is libhdf5's time over ours: above 1 we are faster. The time from N to 4 N things shows whether it is linear.
"""

import argparse
import os
import subprocess
import tempfile
import time

import h5py
import numpy
from h5py import h5a, h5d, h5f, h5g, h5p, h5s, h5t

NAMES = {"groups": 20000, "datasets": 20000, "attributes": 10000}


def libhdf5(what, count, version, path):
    fapl = h5p.create(h5p.FILE_ACCESS)
    low = h5f.LIBVER_EARLIEST if version == "earliest" else h5f.LIBVER_LATEST
    fapl.set_libver_bounds(low, h5f.LIBVER_LATEST)
    start = time.perf_counter()
    file = h5f.create(path.encode(), h5f.ACC_TRUNC, fapl=fapl)
    root = h5g.open(file, b"/")
    if what == "groups":
        for i in range(count):
            h5g.create(root, b"group%06d" % i)
    elif what == "datasets":
        space, data = h5s.create_simple((10,)), numpy.arange(10.0)
        plist = h5p.create(h5p.DATASET_CREATE)
        plist.set_obj_track_times(False)
        for i in range(count):
            h5d.create(root, b"dataset%06d" % i, h5t.IEEE_F64LE, space, plist).write(h5s.ALL, h5s.ALL, data + i)
    else:
        space, value = h5s.create(h5s.SCALAR), numpy.array(1.0)
        for i in range(count):
            h5a.create(root, b"attr%06d" % i, h5t.IEEE_F64LE, space).write(value)
    file.close()
    return time.perf_counter() - start


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("bulk")
parser.add_argument("--rounds", type=int, default=3)
args = parser.parse_args()
folder = "/dev/shm" if os.path.isdir("/dev/shm") else None
slow = []
with tempfile.TemporaryDirectory(dir=folder) as work:
    for what, count in NAMES.items():
        for version in ("earliest", "v200"):
            if what == "attributes" and version == "earliest":
                count = 2000  # they are in one object header
            ours, theirs, more = [], [], []
            for _ in range(args.rounds):
                path = os.path.join(work, "ours.h5")
                run = lambda n: float(subprocess.run([args.bulk, what, str(n), version, path], capture_output=True, text=True, check=True).stdout)
                ours.append(run(count))
                more.append(run(4 * count))
                with h5py.File(path) as file:
                    assert (len(file.attrs) if what == "attributes" else len(file)) == 4 * count
                theirs.append(libhdf5(what, count, version, os.path.join(work, "theirs.h5")))
            ratio = min(theirs) / min(ours)
            print(f"{count:6} {what:10} {version:8}: ours {min(ours):7.3f} s, libhdf5 {min(theirs):7.3f} s, ratio {ratio:5.2f}, "
                  f"4 times as many take {min(more) / min(ours):4.1f} times as long", flush=True)
            if ratio < 1:
                slow.append(f"{what} {version}")
            count = NAMES[what]
    for version in ("earliest", "v200"):
        out = subprocess.run([args.bulk, "churn", "10000", version, os.path.join(work, "churn.h5")], capture_output=True, text=True, check=True)
        before, after = map(int, out.stdout.split())
        print(f"1000 of 10000 datasets deleted and made again, {version}: {before} bytes before, {after} after, {100 * after / before - 100:+.2f} %")
if slow:
    raise SystemExit(f"slower than libhdf5: {', '.join(slow)}")

"""Reading compounds into structs, one of their fields, and strings: ours and libhdf5's in the same run.

    rows.py EXAMPLE [--rows N] [--rounds N]

EXAMPLE is hdf5-format/examples/rows.rs, built. libhdf5 is called through the low level of h5py, into arrays of the
layout that a C struct of the same fields has.
"""
import argparse, os, subprocess, tempfile, time

# NumPy asks for huge pages, which malloc does not do for C.
os.environ["NUMPY_MADVISE_HUGEPAGE"] = "0"

import h5py, numpy as np

ap = argparse.ArgumentParser()
ap.add_argument("example")
ap.add_argument("--rows", type=int, default=1_000_000)
ap.add_argument("--rounds", type=int, default=9)
args = ap.parse_args()

FIELDS = [("time", "u8"), ("value", "f8"), ("flag", "i4")]
struct = np.dtype(FIELDS, align=True)
layouts = {"packed": np.dtype(FIELDS), "aligned": struct, "big": np.dtype([(n, ">" + t) for n, t in FIELDS]), "chunked": np.dtype(FIELDS)}
rows = np.zeros(args.rows, dtype=struct)
rows["time"], rows["value"], rows["flag"] = np.arange(args.rows), np.random.default_rng(1).normal(size=args.rows), 3


def best(job):
    found = float("inf")
    for _ in range(args.rounds):
        start = time.perf_counter()
        job()
        found = min(found, time.perf_counter() - start)
    return found


with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "rows.h5")
    with h5py.File(path, "w") as f:
        for name, dtype in layouts.items():
            f.create_dataset(name, data=rows.astype(dtype), chunks=(65536,) if name == "chunked" else None)
        f["strings"] = np.array([f"name {i}" for i in range(300_000)], dtype=h5py.string_dtype())
    theirs = {}
    with h5py.File(path) as f:
        for name in layouts:
            low = f[name].id

            def whole():
                low.read(h5py.h5s.ALL, h5py.h5s.ALL, np.empty(args.rows, struct), h5py.h5t.py_create(struct))

            one = np.dtype([("value", "f8")])

            def field():
                low.read(h5py.h5s.ALL, h5py.h5s.ALL, np.empty(args.rows, one), h5py.h5t.py_create(one))

            theirs[name] = [best(whole), best(field)]
        strings = f["strings"].id
        kind = h5py.h5t.py_create(np.dtype("O", metadata={"vlen": bytes}), logical=True)
        theirs["strings"] = [best(lambda: strings.read(h5py.h5s.ALL, h5py.h5s.ALL, np.empty(300_000, "O"), strings.get_type()))]
    ours = {}
    for line in subprocess.run([args.example, path, str(args.rounds)], capture_output=True, text=True, check=True).stdout.splitlines():
        name, *seconds = line.split()
        ours[name] = [float(s) for s in seconds]

print("| read | ours, ms | libhdf5, ms | ratio |\n| --- | ---: | ---: | ---: |")
for name in ours:
    for what, a, b in zip(["rows", "one field"] if len(ours[name]) == 2 else ["300,000"], ours[name], theirs[name]):
        print(f"| {name}, {what} | {a * 1e3:.1f} | {b * 1e3:.1f} | {b / a:.2f} |")

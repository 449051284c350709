"""Reading compounds into structs, one of their fields, and strings: ours and libhdf5's, in turns.

    rows.py EXAMPLE [--rows N] [--rounds N] [--mapped]

EXAMPLE is hdf5-format/examples/rows.rs, built. libhdf5 is called through the low level of h5py, into arrays of the
layout that a C struct of the same fields has. --mapped: ours opens the file as a memory map (build with `--features mmap`).
"""
import argparse, os, subprocess, tempfile, time

# NumPy asks for huge pages, which malloc does not do for C.
os.environ["NUMPY_MADVISE_HUGEPAGE"] = "0"

import h5py, numpy as np

ap = argparse.ArgumentParser()
ap.add_argument("example")
ap.add_argument("--rows", type=int, default=1_000_000)
ap.add_argument("--rounds", type=int, default=9)
ap.add_argument("--mapped", action="store_true")
args = ap.parse_args()

FIELDS = [("time", "u8"), ("value", "f8"), ("flag", "i4")]
struct = np.dtype(FIELDS, align=True)
layouts = {"packed": np.dtype(FIELDS), "aligned": struct, "big": np.dtype([(n, ">" + t) for n, t in FIELDS]), "chunked": np.dtype(FIELDS)}
rows = np.zeros(args.rows, dtype=struct)
rows["time"], rows["value"], rows["flag"] = np.arange(args.rows), np.random.default_rng(1).normal(size=args.rows), 3


with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "rows.h5")
    with h5py.File(path, "w") as f:
        for name, dtype in layouts.items():
            f.create_dataset(name, data=rows.astype(dtype), chunks=(65536,) if name == "chunked" else None)
        f["strings"] = np.array([f"name {i}" for i in range(300_000)], dtype=h5py.string_dtype())
    ours = subprocess.Popen([args.example, path, *["--mapped"] * args.mapped], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1)

    def our(what, name):
        ours.stdin.write(f"{what} {name}\n")
        return float(ours.stdout.readline())

    def their(job):
        start = time.perf_counter()
        job()
        return time.perf_counter() - start

    one = np.dtype([("value", "f8")])
    whole_type, one_type, memory = h5py.h5t.py_create(struct), h5py.h5t.py_create(one), np.zeros(args.rows, struct)
    ALL = h5py.h5s.ALL
    jobs = []
    f = h5py.File(path)
    for name in layouts:
        low = f[name].id
        jobs += [
            ("rows", name, lambda low=low: low.read(ALL, ALL, np.empty(args.rows, struct), whole_type)),
            ("over", name, lambda low=low: low.read(ALL, ALL, memory, whole_type)),
            ("field", name, lambda low=low: low.read(ALL, ALL, np.empty(args.rows, one), one_type)),
        ]
    strings = f["strings"].id
    jobs.append(("strings", "strings", lambda: strings.read(ALL, ALL, np.empty(300_000, "O"), strings.get_type())))
    times = {job[:2]: [] for job in jobs}
    for _ in range(args.rounds):
        for what, name, job in jobs:
            times[what, name].append((our(what, name), their(job)))
    ours.stdin.close()
    assert ours.wait() == 0

WORDS = {"rows": "rows", "over": "rows, over memory that is there", "field": "one field", "strings": "300,000"}
print("| read | ours, ms | libhdf5, ms | ratio |\n| --- | ---: | ---: | ---: |")
for (what, name), pairs in times.items():
    a, b = (min(column) for column in zip(*pairs))
    print(f"| {name}, {WORDS[what]} | {a * 1e3:.1f} | {b * 1e3:.1f} | {b / a:.2f} |")

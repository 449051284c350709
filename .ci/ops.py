"""Random edits done by `h5 apply` and by libhdf5, compared by libhdf5, which then goes on with our files.

    ops.py SHARED H5 [--seeds 1-12]

What may differ is what libhdf5 leaves to chance: elements of contiguous datasets that nobody wrote and that have no fill value,
references to objects that are gone (whose addresses another object may have by now), names of committed datatypes that are gone
(shown as addresses), and references in files with addresses of 4 bytes, which libhdf5 2.0 writes 8 bytes wide. So a comparison may
fail for a few seeds; applying, going on with libhdf5 and `h5 check` must never fail.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

PROFILES = ["write", "edit", "dtypes", "chunks", "links", "big", "exotic"]
# Of the seeds of a profile, that may differ by chance.
BY_CHANCE = 0.4

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("shared", type=pathlib.Path)
parser.add_argument("h5", type=pathlib.Path)
parser.add_argument("--seeds", default="1-12")
args = parser.parse_args()
h5 = args.h5.resolve()
failures = []
for profile in PROFILES:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(args.shared / "tools/ops/check.py"), "--apply", f"{h5} apply", "--seeds", args.seeds]
        done = subprocess.run([*command, "--profile", profile, "--keep", folder], capture_output=True, text=True)
        seeds = [line for line in done.stdout.splitlines() if line.startswith(f"{profile} seed ")]
        hard = [line for line in seeds if "compare:" not in line and "libhdf5 itself" not in line and "its own file" not in line]
        total = len(list(pathlib.Path(folder).glob("*-ours.h5")))
        chance = sum("compare:" in line for line in seeds)
        damaged = [file.name for file in sorted(pathlib.Path(folder).glob("*-ours.h5"))
                   if subprocess.run([h5, "check", "--data", file], capture_output=True).returncode]
    good = total > 0 and not hard and not damaged and chance <= max(2, BY_CHANCE * total)
    print(f"{'ok  ' if good else 'FAIL'} {profile}: {total - chance} of {total} agree, {len(hard)} refused, {len(damaged)} damaged", flush=True)
    for line in hard:
        print(f"     {line[:300]}")
    for name in damaged:
        print(f"     {name}: h5 check finds damage")
    if not good:
        failures.append(profile)
if failures:
    sys.exit(f"failed: {', '.join(failures)}")

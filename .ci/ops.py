"""Random edits done by `h5 apply` and by libhdf5, compared by libhdf5, which then goes on with our files.

    ops.py SHARED H5 [--seeds 1-12] [--profiles write,edit,...] [--jobs 1] [--keep DIR]

Every difference must have one of the causes that `reasons.py` knows, and shows to be one; any other fails. Applying, going on
with libhdf5, and `h5 check` before and after that must never fail.
"""

import argparse
import collections
import concurrent.futures
import contextlib
import io
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

PROFILES = ["write", "edit", "dtypes", "chunks", "links", "big", "exotic"]

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("shared", type=pathlib.Path)
parser.add_argument("h5", type=pathlib.Path)
parser.add_argument("--seeds", default="1-12")
parser.add_argument("--profiles", default=",".join(PROFILES))
parser.add_argument("--jobs", type=int, default=1)
parser.add_argument("--keep", type=pathlib.Path, help="where the files of seeds that fail are left")
args = parser.parse_args()
h5 = args.h5.resolve()
for tools in ("ops", "oracle"):
    sys.path.insert(0, str(args.shared.resolve() / "tools" / tools))
import check  # noqa: E402
import gen_ops  # noqa: E402
import ops_h5py  # noqa: E402

import reasons  # noqa: E402
from apart import SECONDS, Failed, apart  # noqa: E402


def generate(profile, seed):
    sys.argv = ["gen_ops.py", "--seed", str(seed), "--profile", profile]
    with contextlib.redirect_stdout(io.StringIO()) as out:
        gen_ops.main()
    return out.getvalue()


def script(main, *given):
    sys.argv = ["-", *map(str, given)]
    main()


def run(*command):
    done = subprocess.run([h5, *command], capture_output=True, text=True, timeout=SECONDS)
    if done.returncode:
        raise Failed((done.stderr + done.stdout).strip()[-300:] or f"exit {done.returncode}")


def judge(profile, seed, folder):
    """The outcome of a seed: where it failed, why, and the causes of the differences that are explained."""
    ops, ref, ours, copy = (folder / f"{profile}{seed}{end}" for end in (".jsonl", "-ref.h5", "-ours.h5", "-copy.h5"))
    stage = "libhdf5 itself"
    goes_on = lambda: exec(compile(check.CONTINUE, "continue", "exec"), {})
    causes = collections.Counter()
    try:
        ops.write_text(apart(generate, profile, seed))
        apart(script, ops_h5py.main, ops, ref)
        shutil.copy(ref, copy)
        apart(script, goes_on, copy)
        stage = "apply"
        run("apply", ops, ours)
        stage = "check"
        run("check", "--data", ours)
        stage = "compare"
        causes, unexplained = reasons.differences(ops, ref, ours, folder / f"{profile}{seed}-origin.h5")
        if unexplained:
            raise Failed("\n     ".join(unexplained[:5]))
        stage = "libhdf5 continues"
        shutil.copy(ours, copy)
        apart(script, goes_on, copy)
        stage = "check after libhdf5"
        run("check", "--data", copy)
        stage = None
        return None, None, causes
    except (Failed, subprocess.TimeoutExpired) as error:
        return stage, str(error), causes
    finally:
        for path in folder.glob(f"{profile}{seed}-*.h5") if stage in (None, "libhdf5 itself") else []:
            path.unlink()
        if stage in (None, "libhdf5 itself"):
            ops.unlink(missing_ok=True)


def trials(folder):
    """The causes are no excuse for what is wrong: files that are changed on purpose."""
    ops, ref, ours, copy = (folder / f"trial{end}" for end in (".jsonl", "-ref.h5", "-ours.h5", "-copy.h5"))
    ops.write_text("".join(json.dumps(op) + "\n" for op in reasons.TRIAL))
    apart(script, ops_h5py.main, ops, ref)
    run("apply", ops, ours)
    for change in reasons.CHANGES:
        shutil.copy(ours, copy)
        if wrong := reasons.trial(change, ops, ref, copy, folder / "trial-origin.h5"):
            sys.exit(f"FAIL {wrong}")
    print(f"ok   {len(reasons.CHANGES)} changes are told apart")


first, _, last = args.seeds.partition("-")
seeds = range(int(first), int(last or first) + 1)
failures = []
with tempfile.TemporaryDirectory() as temporary:
    folder = args.keep or pathlib.Path(temporary)
    folder.mkdir(parents=True, exist_ok=True)
    trials(folder)
    for profile in args.profiles.split(","):
        equal = skipped = bad = 0
        explained = collections.Counter()
        with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
            for seed, (stage, error, causes) in zip(seeds, pool.map(lambda seed: judge(profile, seed, folder), seeds)):
                if stage == "libhdf5 itself":
                    skipped += 1
                elif stage:
                    bad += 1
                    print(f"     {profile} seed {seed}: {stage}: {error}", flush=True)
                elif not causes:
                    equal += 1
                explained.update({cause: 1 for cause in causes})
        total = len(seeds) - skipped
        good = bad == 0 and total > 0
        causes = "".join(f", {n} with {cause}" for cause, n in sorted(explained.items()))
        print(f"{'ok  ' if good else 'FAIL'} {profile}: {equal} of {total} seeds are equal, {skipped} refused by libhdf5, {bad} failed{causes}", flush=True)
        if not good:
            failures.append(profile)
if failures:
    sys.exit(f"failed: {', '.join(failures)}")

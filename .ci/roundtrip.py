"""Repacks every file of the corpus and asks libhdf5 what it sees: the same as before.

    roundtrip.py SHARED H5 [--level content|full] [--bounds keep,earliest,v200] [--only TEXT]

Each file is written anew by `h5 repack` into a folder where its neighbours are, and read by libhdf5, which must answer as it
did for the original. Files that libhdf5 could not read whole are compared as far as it could.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("shared", type=pathlib.Path)
parser.add_argument("h5", type=pathlib.Path)
parser.add_argument("--level", default="content")
parser.add_argument("--bounds", default="earliest,v200")
parser.add_argument("--only", default="")
parser.add_argument("--least", type=float, default=99.5)
args = parser.parse_args()
sys.path.insert(0, str(args.shared.resolve() / "tools/oracle"))
import compare  # noqa: E402
import oracle  # noqa: E402

from apart import Failed, apart  # noqa: E402


def examined(path):
    """libhdf5's answer."""
    try:
        return apart(oracle.examine, str(path))
    except Failed as error:
        return {"status": "refused", "error": f"libhdf5: {error}"}


def judge(source, expected, bounds):
    """What is different after a repack; nothing if all is well."""
    expected = json.loads(expected.read_text())
    if expected["status"] not in ("ok", "partial"):
        return "skipped", []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for neighbour in source.parent.iterdir():
            if neighbour != source:
                (folder / neighbour.name).symlink_to(neighbour.resolve())
        copy = folder / source.name
        command = [args.h5, "repack", source, copy, "--quiet"]
        if bounds != "keep":
            command += ["--libver", bounds]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
        if done.returncode:
            return "refused" if done.returncode in (1, 2, 3) else "crash", [done.stderr.strip()[-300:]]
        comparison = compare.Comparison(args.level)
        actual = examined(copy)
        if actual.get("status") not in ("ok", "partial"):
            return "wrong", [f"libhdf5 does not read it: {actual.get('error')}"]
        comparison.documents(expected, actual)
        extra = {e.get("path") for e in actual.get("errors", [])} - {e.get("path") for e in expected.get("errors", [])}
        comparison.found += [f"{path}: libhdf5 meets an error that it did not meet before" for path in sorted(map(str, extra))]
        return ("wrong", comparison.found) if comparison.found else ("equal", [])


def main():
    jobs = []
    for folder in (args.shared / "corpus", args.shared / "corpus/features"):
        for row in map(json.loads, (folder / "index.jsonl").open()):
            if args.only in row["path"]:
                source = (folder / "files" / row["path"]).resolve()
                jobs.append((row["path"], source, (folder / "oracle" / f"{row['sha256']}.json").resolve()))
    failed = False
    for bounds in args.bounds.split(","):
        counts = collections.Counter()
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for (name, _, _), (verdict, why) in zip(jobs, pool.map(lambda job: judge(job[1], job[2], bounds), jobs)):
                counts[verdict] += 1
                if why:
                    print(f"     {verdict}: {name}: {why[0][:260]}", flush=True)
        total = sum(counts.values()) - counts["skipped"]
        share = 100 * counts["equal"] / max(total, 1)
        good = share >= args.least
        failed |= not good
        print(f"{'ok  ' if good else 'FAIL'} repack --libver {bounds}: {counts['equal']} of {total} = {share:.2f} %", dict(counts))
    sys.exit(failed)


main()

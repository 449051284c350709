"""Holds `h5 digest` against libhdf5's answers over the corpus.

    corpus.py SHARED H5
"""

import collections
import json
import os
import pathlib
import subprocess
import sys
import time

shared, h5 = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
corpus = shared / "corpus"
OURS = {1, 2, 3, 4, 5, 6, 305, 307, 32000, 32001, 32004, 32008, 32013, 32015, 32019, 32020, 32022, 32023, 32026}
failures = []


def check(what, good, figure):
    print(f"{'ok  ' if good else 'FAIL'} {what}: {figure}", flush=True)
    if not good:
        failures.append(what)


def needs_codec(row):
    """True for files with a filter that this build does not have."""
    ids = [f.split(":")[1] for f in row.get("features", []) if f.startswith("filter:")]
    return any(i.isdigit() and int(i) not in OURS for i in ids)


def score(folder, *options):
    report = pathlib.Path("target/corpus-report.jsonl")
    report.parent.mkdir(exist_ok=True)
    command = [sys.executable, str(shared / "tools/oracle/score.py"), str(folder), "--digest", f"{h5} digest"]
    subprocess.run([*command, *options, "--report", str(report), "--most", "0"], stdout=subprocess.DEVNULL)
    rows = {row["path"]: row for row in map(json.loads, (folder / "index.jsonl").open())}
    verdicts = [json.loads(line) for line in report.open()]
    for verdict in verdicts:
        verdict["codec"] = needs_codec(rows[verdict["path"]])
    return verdicts


def compare(folder, level, share):
    verdicts = score(folder, "--level", level)
    counts = collections.Counter(v["verdict"] for v in verdicts)
    plain = [v for v in verdicts if not v["codec"]]
    equal = sum(v["verdict"] == "equal" for v in plain)
    for verdict in plain:
        if verdict["verdict"] != "equal":
            print(f"     {verdict['verdict']}: {verdict['path']}: {(verdict['why'] or [''])[0][:200]}")
    name = f"{folder.name} at {level}"
    if level == "content":
        bad = counts["wrong"] + counts["crash"] + counts["timeout"]
        check(f"{name}, wrong, crash, timeout", bad == 0, bad)
    figure = 100 * equal / len(plain)
    check(f"{name}, equal without codecs", figure >= share, f"{equal} of {len(plain)} = {figure:.2f} %")


def bounded(folder):
    """Every malformed file ends within 2 s and 64 MiB beyond its size, and not by a signal or panic."""
    slowest = largest = ended = 0
    for row in map(json.loads, (folder / "index.jsonl").open()):
        path = folder / "files" / row["path"]
        start = time.monotonic()
        null = [(os.POSIX_SPAWN_OPEN, n, os.devnull, os.O_WRONLY, 0) for n in (1, 2)]
        pid = os.posix_spawn(h5, [str(h5), "digest", str(path)], os.environ, file_actions=null)
        _, status, usage = os.wait4(pid, 0)
        slowest = max(slowest, time.monotonic() - start)
        largest = max(largest, usage.ru_maxrss / 1024 - path.stat().st_size / 2**20)
        ended += os.WIFEXITED(status) and os.WEXITSTATUS(status) in (0, 1, 3)
    total = sum(1 for _ in (folder / "index.jsonl").open())
    check("malformed files survived", ended == total, f"{ended} of {total}")
    check("malformed files, slowest", slowest < 2, f"{slowest:.2f} s")
    check("malformed files, most memory beyond the file", largest < 64, f"{largest:.0f} MiB")


def threads():
    """Two threads read what one reads."""
    different = 0
    rows = [json.loads(line) for line in (corpus / "index.jsonl").open()]
    for row in rows:
        path = corpus / "files" / row["path"]
        one, two = (
            subprocess.run([h5, "digest", "--threads", str(n), path], capture_output=True).stdout for n in (1, 2)
        )
        different += one != two
    check("two threads and one thread differ", different == 0, f"{different} of {len(rows)}")


compare(corpus, "content", 99.5)
compare(corpus, "full", 95)
compare(corpus / "features", "content", 100)
bounded(corpus / "malformed")
threads()
if failures:
    sys.exit(f"failed: {', '.join(failures)}")

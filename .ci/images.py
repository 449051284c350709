"""Images that crashes leave, opened by h5py: each holds the last commit that returned or the one being made.

    images.py IMAGES H5 [--count N]

IMAGES is the example of that name of the tests. Where a commit is whole and not in place, `h5 recover` comes first.
"""

import argparse
import collections
import json
import pathlib
import subprocess
import sys
import tempfile

import h5py
import numpy as np


def plain(value):
    if isinstance(value, h5py.Empty):
        return "empty"
    value = np.asarray(value)
    return (str(value.dtype), value.shape, value.tolist())


def content(path):
    """All that h5py sees of a file."""
    out = []

    def visit(name, item):
        out.append((name, type(item).__name__, sorted((k, plain(v)) for k, v in item.attrs.items())))
        if isinstance(item, h5py.Dataset):
            out.append((item.maxshape, plain(item[()])))
            return
        for key in item:
            link = item.get(key, getlink=True)
            if isinstance(link, h5py.HardLink):
                visit(f"{name}/{key}", item[key])
            else:
                out.append((f"{name}/{key}", link.path))

    with h5py.File(path) as f:
        visit("", f)
    return out


parser = argparse.ArgumentParser()
parser.add_argument("images")
parser.add_argument("h5")
parser.add_argument("--count", type=int, default=500)
args = parser.parse_args()
opened, refused, bad = collections.Counter(), 0, 0
with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    subprocess.run([args.images, folder, str(args.count)], check=True)
    states = {}
    for image in json.loads((folder / "images.json").read_text()):
        path = folder / image["file"]
        if image["left"] != "clean":
            with open(path, "rb") as f:
                head = f.read(1024)
            superblock = head if head.startswith(b"\x89HDF") else head[512:]
            # A mark must keep libhdf5 out until the recovery.
            if superblock[8:9] == b"\x03" and superblock[11] & 1:
                try:
                    content(path)
                    print(f"FAIL {image}: h5py opens a marked file")
                    bad += 1
                except OSError:
                    refused += 1
            subprocess.run([args.h5, "recover", path], check=True, stdout=subprocess.DEVNULL)
        allowed = []
        for number in (image["acked"], image["acked"] + 1):
            state = folder / f"{image['workload']}-state-{number}.h5"
            if state.exists() and state.stat().st_size:
                if state not in states:
                    states[state] = content(state)
                allowed.append(states[state])
        try:
            found = content(path)
        except Exception as error:
            found = repr(error)
        if found not in allowed:
            print(f"FAIL {image}: {str(found)[:200]}")
            bad += 1
        opened[image["left"]] += 1
total = sum(opened.values())
print(f"{'FAIL' if bad else 'ok  '} {total} images opened by h5py: {dict(opened)}; {refused} refused before the recovery")
sys.exit(bad > 0 or total < args.count or not refused)

"""Files of several members, made and changed by h5py and by us in turns; each reads what the other wrote.

    members.py H5 [--rounds 40] [--kills 60] [--seed 1]

Then `h5 apply` is killed while it commits to a family: what h5py finds after the recovery is the last commit that was reported, or
the one after it.
"""

import argparse
import json
import pathlib
import random
import subprocess
import tempfile
import time

import h5py
import numpy as np

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("h5", type=pathlib.Path)
parser.add_argument("--rounds", type=int, default=40)
parser.add_argument("--kills", type=int, default=60)
parser.add_argument("--seed", type=int, default=1)
args = parser.parse_args()
rng = random.Random(args.seed)
KINDS = ("earliest", "v110", "latest")


def run(*command, fails=False):
    done = subprocess.run([args.h5.resolve(), *map(str, command)], capture_output=True, text=True)
    if (done.returncode != 0) != fails:
        raise SystemExit(f"FAIL {command}: {done.stdout}{done.stderr}")
    return done.stdout + done.stderr


class Family:
    def __init__(self, folder):
        self.size = rng.choice([1024, 4096, 5000, 1 << 16])
        self.first, self.name = folder / "x00000.h5", folder / "x%05d.h5"
        self.options = dict(driver="family", memb_size=self.size)

    def repack(self, source):
        run("repack", source, self.first, "--quiet", "--family", self.size)

    def check(self):
        """All members full but the last that has something."""
        members = sorted(self.first.parent.glob("x0*.h5"))
        lengths = [m.stat().st_size for m in members]
        while lengths and lengths[-1] == 0:
            lengths.pop()
        assert all(n == self.size for n in lengths[:-1]) and lengths[-1] <= self.size, lengths


def value():
    kind = rng.choice(["small", "large", "text"])
    if kind == "text":
        return np.array([f"text {rng.random()}" * rng.randrange(1, 30) for _ in range(rng.randrange(1, 20))], object)
    return np.arange(rng.randrange(1, 200 if kind == "small" else 20000)) * rng.randrange(1, 1000)


def by_h5py(shape, model):
    with h5py.File(shape.name, "a", **shape.options) as f:
        for _ in range(rng.randrange(1, 6)):
            name = f"d{rng.randrange(20)}"
            if name in f:
                del f[name]
                model.pop(name)
            if rng.random() < 0.7:
                model[name] = value()
                f.create_dataset(name, data=model[name], chunks=True if rng.random() < 0.3 else None)


def by_us(shape, model, folder):
    """Copies from an ordinary file, deletions, values."""
    with h5py.File(folder / "from.h5", "w") as f:
        f["text"] = value()
    for _ in range(rng.randrange(1, 6)):
        name = f"d{rng.randrange(20)}"
        if name in model:
            numbers = model[name].dtype != object and model[name].size > 3
            if numbers and rng.random() < 0.5:
                run("set", f"{shape.first}::/{name}[1:3]", "[77, 78]")
                model[name][1:3] = 77, 78
                continue
            run("rm", shape.first, f"/{name}")
            model.pop(name)
        if rng.random() < 0.7:
            model[name] = value()
            with h5py.File(folder / "from.h5", "a") as f:
                f.create_dataset(name, data=model[name], chunks=True if rng.random() < 0.3 else None)
            run("cp", f"{folder / 'from.h5'}::/{name}", f"{shape.first}::/{name}")
            with h5py.File(folder / "from.h5", "a") as f:
                del f[name]


def same(f, model, where):
    assert sorted(f) == sorted(model), where
    for name, wanted in model.items():
        got = f[name].asstr()[...] if wanted.dtype == object else f[name][...]
        assert np.array_equal(got, wanted), f"{where}: {name}"


def compare(shape, model, folder, where):
    with h5py.File(shape.name, "r", **shape.options) as f:
        same(f, model, f"{where}, read by h5py")
    (folder / "whole.h5").unlink(missing_ok=True)
    run("repack", shape.first, folder / "whole.h5", "--quiet")
    with h5py.File(folder / "whole.h5", "r") as f:
        same(f, model, f"{where}, read by us")
    run("check", shape.first)


rounds = 0
for kind in KINDS:
    for made_by_us in (False, True):
        for shape_of in (Family,):
            with tempfile.TemporaryDirectory() as folder:
                folder, model = pathlib.Path(folder), {}
                shape = shape_of(folder)
                if made_by_us:
                    with h5py.File(folder / "start.h5", "w", libver=kind) as f:
                        model["d0"] = f["d0"] = value()
                    shape.repack(folder / "start.h5")
                else:
                    with h5py.File(shape.name, "w", libver=kind, **shape.options) as f:
                        model["d0"] = f["d0"] = value()
                for i in range(args.rounds):
                    where = f"{shape_of.__name__} {kind} {made_by_us=} round {i}"
                    try:
                        by_us(shape, model, folder) if rng.random() < 0.6 else by_h5py(shape, model)
                        shape.check()
                        compare(shape, model, folder, where)
                    except (AssertionError, OSError, SystemExit) as why:
                        raise SystemExit(f"FAIL {where}: {why}")
                    rounds += 1
                assert "not opened" in run("--follow", "none", "set", f"{shape.first}::/@a", "1", fails=True)
print(f"{rounds} rounds of changes to files of several members: all read alike by h5py and by us")


# ---- kills

STEPS = 40


def edits():
    """Each commit makes a dataset, and takes the one three before it away; so members are filled, freed and filled again."""
    integer = {"class": "int", "size": 4, "signed": True, "order": "le"}
    yield {"op": "reopen"}
    for i in range(STEPS):
        size = 200 + i * 397 % 3000
        yield {"op": "dataset", "path": f"/d{i}", "dtype": integer, "shape": [size], "layout": "contiguous", "data": i}
        if i >= 3:
            yield {"op": "delete", "path": f"/d{i - 3}"}
        yield {"op": "attr", "path": "/", "name": "last", "dtype": integer, "shape": [1], "data": i}
        yield {"op": "flush"}


def found(shape):
    with h5py.File(shape.name, "r", **shape.options) as f:
        return {name: f[name][...].tobytes() for name in f}, f.attrs["last"].tobytes() if "last" in f.attrs else b""


def killed(kind):
    """How many commits were reported when it was killed."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        shape, ops, number = Family(folder), folder / "ops.jsonl", {}
        lines = list(edits())
        ops.write_text("".join(json.dumps(op) + "\n" for op in lines))
        number = {line: n for n, line in enumerate((i + 1 for i, op in enumerate(lines) if op["op"] == "flush"), 1)}
        with h5py.File(shape.name, "w", libver=kind, **shape.options):
            pass
        output = folder / "output"
        with open(output, "w") as out:
            program = subprocess.Popen([args.h5.resolve(), "apply", "--verbose", ops, shape.first], stdout=out)
            time.sleep(rng.random() * rng.choice([0.05, 0.2, 0.6]))
            program.kill()
            program.wait()
        text = output.read_text()
        acked = max((number.get(int(line), 0) for line in text[: text.rfind("\n") + 1].splitlines()), default=0)
        run("recover", shape.first)
        run("check", shape.first)
        shape.check()
        names, last = found(shape)
        wanted = [({f"d{i}": VALUES[i] for i in range(max(n - 3, 0), n)}, LASTS[n]) for n in (acked, acked + 1) if n <= STEPS]
        assert (names, last) in wanted, f"{kind}: {acked} commits were reported, {sorted(names)} are there"
        return acked


VALUES, LASTS = {}, [b""]
with tempfile.TemporaryDirectory() as folder:
    # The values, one by one in a file of its own.
    ops, whole = pathlib.Path(folder) / "ops.jsonl", pathlib.Path(folder) / "whole.h5"
    kept = [op for op in edits() if op["op"] in ("dataset", "attr")]
    kept = [op if op["op"] == "dataset" else op | {"name": f"last{op['data']}"} for op in kept]
    ops.write_text("".join(json.dumps(op) + "\n" for op in [{"op": "create", "libver": "v110"}, *kept]))
    run("apply", ops, whole)
    with h5py.File(whole) as f:
        VALUES = {i: f[f"d{i}"][...].tobytes() for i in range(STEPS)}
        LASTS += [f.attrs[f"last{i}"].tobytes() for i in range(STEPS)]
counts = [killed(KINDS[i % len(KINDS)]) for i in range(args.kills)]
inside = sum(0 < n < STEPS for n in counts)
print(f"{args.kills} kills, {inside} of them between the first commit and the last: no commit that was reported is lost")
assert args.kills < 20 or inside > args.kills // 10, counts

"""Files of h5preserve and jangada: what the packages wrote we read, and what we write they read.

    persist.py SHARED JUDGE VENVS [--trees N] [--seed N]

JUDGE is persist/examples/judge.rs, built; VENVS holds the environments that SHARED/persistence/kit/setup.sh makes. Each file
of the kit is told by us and compared with what the package loads from it (`logical`), or with what is in it (`tree`) where the
package itself loses something. It is then written anew by us, and the kit's checkers load it with the real packages; so are
random trees.
"""

import argparse
import json
import pathlib
import random
import struct
import subprocess
import sys
import tempfile
import zoneinfo
from datetime import datetime, timedelta, timezone

import h5py
import numpy as np

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("shared", type=pathlib.Path)
parser.add_argument("judge", type=pathlib.Path)
parser.add_argument("venvs", type=pathlib.Path)
parser.add_argument("--trees", type=int, default=200)
parser.add_argument("--seed", type=int, default=1)
args = parser.parse_args()
kit = args.shared.resolve() / "persistence/kit"
sys.path.insert(0, str(kit / "gen"))
from kitlib import enc, same, tree  # noqa: E402


# What the judge tells, as the kit tells it -----------------------------------


def number(bits):
    return struct.unpack(">d", bytes.fromhex(bits))[0]


def dtype(name):
    return np.dtype([(part, dtype(of)) for part, of in name]) if isinstance(name, list) else np.dtype(name)


def array(told):
    if "texts" in told:
        return np.array(told["texts"], dtype=object).reshape(told["shape"])
    return np.frombuffer(bytes.fromhex(told["hex"]), dtype(told["dtype"])).reshape(told["shape"])


def instant(ns, zone):
    """Nanoseconds of an instant, from those of the clock on the wall."""
    ns = int(ns)
    if zone is None:
        return str(ns)
    wall = datetime(1970, 1, 1) + timedelta(microseconds=ns // 1000)
    there = wall.replace(tzinfo=zoneinfo.ZoneInfo(zone)).astimezone(timezone.utc).replace(tzinfo=None)
    return str(ns + ((there - wall) // timedelta(microseconds=1)) * 1000)


def plain(told):
    """A value that both packages have."""
    kind = told["t"]
    if kind == "float":
        return enc(number(told["bits"]))
    if kind == "complex":
        return enc(complex(number(told["re"]), number(told["im"])))
    if kind == "str":
        return enc(told["v"])
    if kind in ("none", "bool", "int", "bytes", "path"):
        return told
    if kind == "array":
        made = array(told)
        return enc(made[()] if made.shape == () else made)
    if kind == "time":
        return {"t": "timestamp", "ns": instant(told["ns"], told["zone"]), "tz": told["zone"]}
    if kind == "times":
        return {"t": "datetimeindex", "ns": [instant(ns, told["zone"]) for ns in told["ns"]], "tz": told["zone"]}
    return {"t": "unknown", "told": told}


class H5Preserve:
    """The classes of the kit's models, and what their loaders make of nodes."""

    suffix = ".h5"

    def __init__(self):
        self.shared = {}

    def value(self, told):
        kind = told["t"]
        if kind == "shared":
            self.shared[told["id"]] = told["v"]
            return self.value(told["v"])
        if kind == "same":
            return self.value(self.shared[told["id"]])
        if kind in ("list", "tuple"):
            return {"t": kind, "v": [self.value(item) for item in told["v"]]}
        if kind == "object":
            return self.object(told)
        return plain(told)

    def member(self, told):
        """What a loader finds under a member's name: arrays come as containers."""
        if told["t"] == "array":
            made = array(told)
            return {"t": "dataset-container", "attrs": {}, "data": enc(made[()] if made.shape == () else made)}
        return self.value(told)

    def object(self, told):
        node, label, version = told["node"], told["label"], told["version"]
        attrs = {name: self.value(value) for name, value in node["attrs"].items()}
        members = {name: value for name, value in node.get("members", {}).items()}

        def data():
            return plain(node["data"])

        def made(**fields):
            return {"t": "object", "class": label, "fields": fields}

        none = {"t": "none"}
        if label == "Experiment":
            return made(data=data(), time_started=attrs["time started"])
        if label in ("Eternal", "AllLoaded"):
            return made(x=data())
        if label == "Versioned":
            member = {name: self.member(value) for name, value in members.items()}
            return made(a=member["a"], b=member.get("b", none), c=attrs["c"] if version >= 3 else none)
        if label == "Node":
            children = members["children"]
            children = [[enc(name), self.value(child)] for name, child in sorted(children["members"].items())]
            return made(name=attrs["name"], value=self.member(members["value"]), children={"t": "dict", "v": children})
        if label == "Solution":
            return made(tag=self.member(members["tag"]), data=self.member(members["data"]))
        if label == "Lazy":
            return made(**{name: self.member(value) for name, value in members.items()})
        if label == "Opt":
            made_of = array(node["data"]) if node["data"].get("hex") is not None else None
            of = dtype(node["data"]["dtype"])
            fill = np.frombuffer(bytes.fromhex(node["fill"]), of)[0] if node["fill"] else of.type(0)
            pairs = {"data": made_of, "dtype": str(of), "fillvalue": fill, "shape": tuple(node["data"]["shape"])}
            return enc(pairs)
        return {"t": "unknown", "told": told}


class Jangada:
    suffix = ".hdf5"

    def value(self, told):
        kind = told["t"]
        if kind in ("list", "tuple", "set"):
            return {"t": "list", "v": [self.value(item) for item in told["v"]]}
        if kind == "dict":
            pairs = [[self.value(key), self.value(value)] for key, value in told["v"]]
            return {"t": "dict", "v": sorted(pairs, key=lambda pair: json.dumps(pair[0], sort_keys=True))}
        if kind == "dataset":
            return enc(array(told["data"]))
        if kind == "object":
            node = told["node"]
            if told["label"] == "Money":
                return {"t": "money", "cents": enc(array(node["data"]))}
            fields = {**node["attrs"], **node["members"]}
            return {"t": "object", "class": told["label"], "fields": {k: self.value(v) for k, v in sorted(fields.items())}}
        return plain(told)


def numbered(expected):
    """The package's answer with lists in the order of their numbers: it loads them in the order of their names."""
    if isinstance(expected, dict) and expected.get("t") == "list":
        items = [numbered(item) for item in expected["v"]]
        right = [None] * len(items)
        for item, at in zip(items, sorted(range(len(items)), key=str)):
            right[at] = item
        return {**expected, "v": right}
    if isinstance(expected, dict):
        return {key: numbered(value) for key, value in expected.items()}
    return [numbered(value) for value in expected] if isinstance(expected, list) else expected


# Judging ---------------------------------------------------------------------


def run(*words, **more):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=300, **more)
    if done.returncode:
        raise RuntimeError(f"{words[0]} {words[1]}: {done.stdout[-600:]} {done.stderr[-600:]}")
    return done.stdout


def dump(path, *dialect):
    return json.loads(run(args.judge, "dump", path, *dialect))


def build(path, dialect, values):
    return json.loads(run(args.judge, "build", path, dialect, input=json.dumps(values)))


def check(system, path, expected, key):
    """The real package's verdict on a file of ours."""
    python = args.venvs.resolve() / f"v_{system}/bin/python"
    done = subprocess.run([python, kit / f"check/check_{system}.py", path, expected, "--key", key], capture_output=True, text=True)
    return [] if done.returncode == 0 else (done.stdout + done.stderr[-800:]).strip().split("\n")


def stored(value):
    """A value of ours as the dataset that h5py finds: for what the package loses."""
    if value["t"] in ("list", "tuple"):
        return enc(np.asarray(native(value)))
    told = plain(value)
    # h5py gives text as its bytes.
    return {"t": "bytes", "hex": told["v"].encode().hex()} if told["t"] == "str" else told


def native(value):
    kind = value["t"]
    if kind in ("list", "tuple"):
        return [native(item) for item in value["v"]]
    return {"int": lambda: int(value["v"]), "float": lambda: number(value["bits"]), "bool": lambda: value["v"],
            "bytes": lambda: bytes.fromhex(value["hex"])}[kind]()


def read_h5preserve(name, expected, told):
    wrong, done = [], 0
    for key, want in expected["logical"].items():
        if "/" in key:
            continue
        node = expected["tree"]["/" + key] if "/" + key in expected["tree"] else {}
        got = told["values"].get(key)
        package_wrong = want["t"] in ("load-error", "plain-group") or (want["t"] in ("list", "tuple"))
        if got is None or got["t"] == "error":
            # What cannot be loaded: a delayed member that was never written.
            wrong += [] if want.get("error") == "KeyError" else [f"{name}/{key}: {got}"]
        elif package_wrong and node.get("kind") == "dataset":
            inner = got["data"] if got["t"] == "dataset" else got
            wrong += same(node["data"], stored(inner), f"{name}/{key}")
        elif package_wrong:
            # A group without marks, or an object of which a member is missing: its members are there.
            inner = got.get("node", got)
            members = [path for path in expected["tree"] if path.startswith(f"/{key}/") and path.count("/") == 2]
            wrong += [] if sorted(inner["members"]) == sorted(path.split("/")[2] for path in members) else [f"{name}/{key}: {got}"]
        else:
            wrong += same(want, H5Preserve().value(got), f"{name}/{key}")
        done += 1
    return done, wrong


def read_jangada(name, expected, told):
    root = told["values"]["root"]
    if expected["logical"] is None:
        want = {"x": expected["tree"]["/root"]["attrs"]["x"]["value"], "y": expected["tree"]["/root/y"]["data"]}
        return 1, same(want, Jangada().value(root)["fields"], name)
    return 1, same(numbered(expected["logical"]), Jangada().value(root), name)


def judge_kit(system, read, folder):
    expected_path = kit / f"files/{system}/expected.json"
    files = json.loads(expected_path.read_text())["files"]
    wrong, values, checked = [], 0, 0
    for name, expected in files.items():
        source = kit / f"files/{system}" / name
        told = dump(source)
        if told["dialect"] != system:
            wrong.append(f"{name}: taken for {told['dialect']}")
        done, found = read(name, expected, told)
        values, wrong = values + done, wrong + found
        # Written anew, beside the file that external links name.
        for neighbour in files:
            if neighbour != name and not (folder / neighbour).exists():
                (folder / neighbour).symlink_to(kit / f"files/{system}" / neighbour)
        copy = folder / ("again-" + name)
        build(copy, system, told["raw"])
        verdict = check(system, copy, expected_path, name)
        if name == "list12.hdf5" or name == "big_lists.hdf5" or not verdict:
            checked += 1
        wrong += [f"{name} written anew: {line}" for line in verdict]
        again = dump(copy, system)
        wrong += same(told["raw"], again["raw"], f"{name} read again")
    return f"{values} values of {len(files)} files, {checked} written anew", wrong


# Random trees ------------------------------------------------------------------


class Random:
    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.np = np.random.default_rng(seed)

    def text(self):
        return "".join(self.rng.choice("abcXYZ 0129_-.:é☃😀'\"\\") for _ in range(self.rng.randrange(0, 12)))

    def name(self):
        return self.rng.choice("abcdefgh") + "".join(self.rng.choice("abc_ é.0") for _ in range(self.rng.randrange(0, 6)))

    def some(self, jangada=False):
        """A scalar that is not None: models take None for their default."""
        told = self.scalar(jangada)
        return told if told["t"] != "none" else self.some(jangada)

    def scalar(self, jangada=False):
        kinds = ["none", "bool", "int", "float", "str"] + (["complex", "path", "time", "times"] if jangada else ["bytes"])
        kind = self.rng.choice(kinds)
        bits = lambda: struct.pack(">d", self.rng.choice([0.0, -0.0, 1.5, 1e300, 5e-324, float("nan"), float("inf"), self.rng.gauss(0, 1e6)])).hex()
        zone = self.rng.choice([None, "UTC", "America/Sao_Paulo", "Asia/Tokyo"])
        ns = lambda: str(self.rng.randrange(0, 2**60))
        return {
            "none": lambda: {"t": "none"},
            "bool": lambda: {"t": "bool", "v": self.rng.random() < 0.5},
            "int": lambda: {"t": "int", "v": str(self.rng.choice([0, -1, 2**63 - 1, -(2**63), 2**64 - 1, 2**63, self.rng.randrange(-1000, 1000)]))},
            "float": lambda: {"t": "float", "bits": bits()},
            "complex": lambda: {"t": "complex", "re": bits(), "im": bits()},
            "str": lambda: {"t": "str", "v": self.text()},
            "bytes": lambda: {"t": "bytes", "hex": bytes(self.rng.randrange(1, 256) for _ in range(self.rng.randrange(0, 9))).hex()},
            "path": lambda: {"t": "path", "v": "/" + self.rng.choice(["a/b.txt", "x", "tmp/y é"])},
            "time": lambda: {"t": "time", "ns": ns(), "zone": zone},
            "times": lambda: {"t": "times", "ns": sorted(ns() for _ in range(self.rng.randrange(0, 5))), "zone": zone},
        }[kind]()

    def array(self, least=1):
        kind = self.rng.choice(["<f8", "<f4", "<f2", "<i8", "<i2", "|u1", ">i4", ">f8", "|b1", "<c16", "|S3", [["a", "<i4"], ["b", "<f8"]]])
        shape = [self.rng.randrange(0, 5) for _ in range(self.rng.randrange(least, 4))]
        of = dtype(kind)
        count = int(np.prod(shape, dtype=int))
        if kind == "|b1":
            made = self.np.integers(0, 2, count).astype("?")
        elif kind == "|S3":
            made = np.array([self.rng.choice([b"a", b"bc", b"def", b""]) for _ in range(count)], "S3")
        elif isinstance(kind, list):
            made = np.zeros(count, of)
            made["a"], made["b"] = self.np.integers(-9, 9, count), self.np.normal(size=count)
        else:
            made = (self.np.normal(size=count) * 50).astype(of)
        return {"t": "array", "dtype": kind, "shape": shape, "hex": made.tobytes().hex()}

    def group(self, attrs, members):
        return {"t": "group", "attrs": attrs, "members": members, "on_demand": False}

    def h5preserve(self, depth=3):
        """An object of the kit's models, or a value of a built-in type."""
        kind = self.rng.choice(["scalar", "scalar", "node", "node", "experiment", "versioned", "solution", "list"] if depth else ["scalar"])
        tag = lambda label, version, node: {"t": "object", "namespace": "experiment", "label": label, "version": version, "node": node}
        inner = lambda: self.rng.choice([lambda: self.h5preserve(depth - 1), self.array])()
        if kind == "scalar":
            return self.scalar()
        if kind == "list":
            numbers = [{"t": "int", "v": str(self.rng.randrange(100))} for _ in range(self.rng.randrange(0, 5))]
            return {"t": self.rng.choice(["list", "tuple"]), "v": numbers}
        if kind == "experiment":
            started = self.some()
            while started["t"] == "bytes":
                started = self.some()
            data = {"t": "dataset", "attrs": {"time started": started}, "data": self.array(0), "chunks": None, "maxshape": None, "filters": None, "fill": None}
            return tag("Experiment", 1, data)
        if kind == "versioned":
            version = self.rng.choice([1, 2, 3])
            attrs = {"c": {"t": "int", "v": "3"}} if version == 3 else {}
            return tag("Versioned", version, self.group(attrs, {"a": self.scalar(), **({"b": self.scalar()} if version > 1 else {})}))
        if kind == "solution":
            return tag("Solution", 1, self.group({}, {"tag": self.scalar(), "data": self.rng.choice([self.some, self.array, lambda: self.node(0)])()}))
        children = {self.name(): self.node(depth - 1) for _ in range(self.rng.randrange(0, 3))}
        return self.node(depth, children, inner())

    def node(self, depth, children=None, value=None):
        members = {"value": value or self.scalar(), "children": self.group({}, children or {})}
        node = self.group({"name": {"t": "str", "v": self.text()}}, members)
        return {"t": "object", "namespace": "experiment", "label": "Node", "version": 1, "node": node}

    def jangada(self, depth=3):
        kind = self.rng.choice(["scalar", "scalar", "array", "list", "dict", "object", "measurement"] if depth else ["scalar", "array"])
        klass = lambda label, fields: {"t": "object", "namespace": "models_jangada", "label": label, "version": None, "node": self.group(fields, {})}
        if kind == "scalar":
            return self.scalar(True)
        if kind == "array":
            return self.array()
        if kind == "list":
            return {"t": "list", "v": [self.jangada(depth - 1) for _ in range(self.rng.randrange(0, 10))]}
        if kind == "dict":
            names = sorted({self.name() for _ in range(self.rng.randrange(0, 6))} - {"."})
            return {"t": "dict", "v": [[{"t": "str", "v": name}, self.jangada(depth - 1)] for name in names]}
        if kind == "measurement":
            return klass("Measurement", {"timestamp": {"t": "time", "ns": str(self.rng.randrange(2**60)), "zone": None}, "value": self.some(True)})
        return klass("Experiment", {"name": self.some(True), "temperature": self.some(True), "data": self.jangada(depth - 1)})


def package_view(system, told):
    """What the package loads: with what it loses."""
    if system == "jangada":
        return Jangada().value(told)
    parts = ["data", "shape", "fillvalue", "dtype"]

    def lossy(value):
        if isinstance(value, dict) and value.get("t") in ("list", "tuple"):
            return {"t": value["t"], "v": [enc(part) for part in parts]}
        if isinstance(value, dict):
            return {key: ([[k, lossy(v)] for k, v in entry] if value.get("t") == "dict" and key == "v" else lossy(entry)) for key, entry in value.items()}
        return value

    return lossy(H5Preserve().value(told))


def judge_trees(system, folder):
    rng = Random(args.seed)
    make = rng.h5preserve if system == "h5preserve" else rng.jangada
    trees = {f"tree{i:03}": make() for i in range(args.trees)}
    if system == "jangada":
        content = {"t": "dict", "v": [[{"t": "str", "v": name}, value] for name, value in trees.items()]}
        values = {"root": {"t": "object", "namespace": "models_jangada", "label": "Bag", "version": None,
                           "node": {"t": "group", "attrs": {}, "members": {"content": content}, "on_demand": False}}}
        logical = package_view(system, values["root"])
    else:
        values = trees
        logical = {name: package_view(system, value) for name, value in trees.items()}
    path, expected = folder / f"trees-{system}.h5", folder / f"trees-{system}.json"
    build(path, system, values)
    expected.write_text(json.dumps({"files": {path.name: {"logical": logical}}}))
    wrong = check(system, path, expected, path.name)
    ours = Jangada() if system == "jangada" else H5Preserve()
    told = dump(path)
    for name, value in values.items():
        wrong += same(ours.value(value), ours.value(told["values"][name]), f"{name}, read by us")
    return f"{args.trees} random trees", wrong


def main():
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        for system, read in (("h5preserve", read_h5preserve), ("jangada", read_jangada)):
            place = pathlib.Path(folder) / system
            place.mkdir()
            for what, wrong in (judge_kit(system, read, place), judge_trees(system, place)):
                failed |= bool(wrong)
                for line in wrong[:12]:
                    print("     " + str(line)[:300])
                print(f"{'FAIL' if wrong else 'ok  '} {system}: {what}, {len(wrong)} differences", flush=True)
    sys.exit(failed)


main()

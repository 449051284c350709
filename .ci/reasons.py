"""Why two files that the same edits made may differ in what libhdf5 says of them, and the proof for each difference.

The edits are done a third time by libhdf5 into a file whose elements are not values but where each value came from: the line of
the edit and the element's number in it, or 0. That file decides what was written, and which object a reference was meant for.
"""

import collections
import ctypes
import json

import compare
import h5py
import numpy as np
import ops_h5py
import oracle
from apart import apart

NEVER_WRITTEN = "elements never written"  # of contiguous datasets without a fill value: libhdf5 leaves what the file held there
DANGLING = "references to deleted objects"  # the address may be another object's by now
NAMELESS = "committed types without a name"  # shown as addresses
NARROW = "references of 4 bytes"  # libhdf5 2.0 moves 8 bytes for each, and loses half of them
NUMBER = "number"  # the attribute that tells objects apart


Origin = collections.namedtuple("Origin", "writes alive elements")


class Origins(ops_h5py.Executor):
    """Does the edits with elements that tell where they come from."""

    def __init__(self, out):
        super().__init__(out)
        self.line, self.objects, self.writes = 0, 0, {}

    def origins(self, ops, wanted):
        """What the edits wrote: lines, objects that are there, and where the elements of the wanted things come from."""
        for self.line, line in enumerate(ops.read_text().splitlines(), 1):
            op = json.loads(line)
            if op["op"] not in ("flush", "reopen"):
                getattr(self, op["op"])(op)
        things = {(path, name): self.file[path].attrs[name] if name else self.file[path][()] for path, name in wanted}
        return Origin(self.writes, self.alive(), {key: np.ravel(thing).tolist() for key, thing in things.items()})

    def create(self, op):
        super().create({"libver": "latest", "sizes": op.get("sizes") and [8, 8]})

    def type_id(self, spec):
        return h5py.h5t.NATIVE_UINT64.copy()

    memory_type = type_id

    def values(self, spec, n, seed, targets=None):
        if seed == "fill":
            return np.zeros(n, "u8")
        self.writes[self.line] = (self.resolve(spec), seed, [self.number(path) for path in targets or []])
        return np.arange(1, n + 1, dtype="u8") + np.uint64(self.line << 32)

    def dataset(self, op):
        layout = {"compact": "contiguous"}.get(op.get("layout"), op.get("layout", "contiguous"))
        super().dataset(op | {"layout": layout, "filters": [], "fill": "fill"})

    def copy(self, op):
        super().copy(op)
        # A copy is another object.
        forget = lambda _, copied: copied.attrs.pop(NUMBER, None) and None
        forget("", self.file[op["to"]])
        if isinstance(self.file[op["to"]], h5py.Group):
            self.file[op["to"]].visititems(forget)

    def number(self, path):
        """The number of an object, which it gets when something refers to it."""
        attrs = self.file[path].attrs
        if NUMBER not in attrs:
            self.objects += 1
            attrs[NUMBER] = self.objects
        return int(attrs[NUMBER])

    def alive(self):
        """The objects that paths lead to, by their numbers."""
        found = {int(self.file.attrs.get(NUMBER, 0)): "/"}
        self.file.visititems(lambda path, thing: found.update({int(thing.attrs.get(NUMBER, 0)): "/" + path}))
        return found


class Walker(oracle.Walker):
    """Keeps each element beside their sum."""

    def values(self, t, n, read, spaceid, headlen):
        kept = {}

        def keep(pointer):
            code = read(pointer)
            raw = ctypes.string_at(pointer, n * t.size)
            kept["elements"] = [oracle.enc(t.plan, raw, t.size * i) for i in range(n)]
            return code

        return super().values(t, n, keep, spaceid, headlen) | kept


def narrow(path, thing, attribute):
    """The addresses in references of 4 bytes, which libhdf5 gets right one by one, or packed where it has room for more."""
    with h5py.File(path) as file:
        if attribute:
            attr = h5py.h5a.open(file[thing].id, attribute.encode())
            kind, count = attr.get_type(), attr.get_space().get_simple_extent_npoints()
            buffer = ctypes.create_string_buffer(8 * count)
            oracle.chk(oracle.L.H5Aread(attr.id, kind.id, buffer), "H5Aread")
            return [int.from_bytes(buffer[4 * i : 4 * i + 4], "little") for i in range(count)]
        dataset, one, out = file[thing].id, h5py.h5s.create(h5py.h5s.SCALAR), []
        kind = dataset.get_type()
        for place in np.ndindex(dataset.shape):
            space, buffer = dataset.get_space(), ctypes.create_string_buffer(8)
            if place:
                space.select_elements([place])
            oracle.chk(oracle.L.H5Dread(dataset.id, kind.id, one.id, space.id, 0, buffer), "H5Dread")
            out.append(int.from_bytes(buffer[:4], "little"))
        return out


class Differences(compare.Comparison):
    """The differences as they are, not as lines."""

    def differ(self, where, what, expected, actual):
        self.found.append((where, what, expected, actual))


def nameless(dtype):
    """A description in which committed types that no path leads to are all the same."""
    if isinstance(dtype, list):
        return [nameless(item) for item in dtype]
    if isinstance(dtype, dict):
        return {key: nameless(value) for key, value in dtype.items()}
    return "@" if isinstance(dtype, str) and dtype.startswith("@") else dtype


class Judge:
    def __init__(self, ref, ours, origin):
        self.ours, self.origin = ours, origin
        self.expected, self.actual = apart(kept, ref), apart(kept, ours)
        self.is_narrow = self.actual["file"]["sizeof_addr"] == 4

    def cause(self, where, what, expected, actual):
        """The causes of a difference, and what has none."""
        if what == "committed" and nameless(expected) == nameless(actual) == "@":
            return {NAMELESS}, None
        if what == "values":
            return self.values(*thing(where))
        return set(), "no such cause"

    def values(self, path, attribute):
        pick = lambda doc: doc["objects"][path]["attrs"][attribute] if attribute else doc["objects"][path]
        expected, actual = pick(self.expected), pick(self.actual)
        theirs, ours = expected["values"]["elements"], actual["values"]["elements"]
        origin = self.origin.elements[path, attribute]
        if not len(origin) == len(theirs) == len(ours):
            return set(), "the files have different elements"
        if self.is_narrow and actual["dtype"]["class"] == "reference":
            return self.narrow_references(origin, apart(narrow, self.ours, path, attribute))
        unfilled = not attribute and expected["layout"]["class"] == "contiguous" and expected["fill"]["defined"] != "user"
        causes = set()
        for i, (want, got) in enumerate(zip(theirs, ours)):
            if want == got:
                continue
            if origin[i] == 0 and unfilled and not any(got):
                causes.add(NEVER_WRITTEN)
            elif origin[i] and self.is_reference(origin[i]) and self.meant(origin[i]) is None:
                causes.add(DANGLING)
            else:
                return set(), f"element {i}, from line {origin[i] >> 32}: {want[:40]} and {got[:40]}"
        return causes, None

    def narrow_references(self, origin, addresses):
        """libhdf5's own are of no use, so that ours are held against what was meant."""
        causes = {NARROW}
        for i, (origin, address) in enumerate(zip(origin, addresses)):
            path = origin and self.meant(origin)
            if origin and path is None:
                causes.add(DANGLING)
            elif address != (self.actual["objects"][path]["addr"] if origin else 0):
                return set(), f"element {i}, from line {origin >> 32}: the address {address}, and {path} was meant"
        return causes, None

    def is_reference(self, origin):
        return self.origin.writes[origin >> 32][0]["class"] == "ref"

    def meant(self, origin):
        """The path in our file of the object that a reference was made for; none if it is gone."""
        _, seed, targets = self.origin.writes[origin >> 32]
        path = self.origin.alive.get(targets[ops_h5py.mix(seed * 1000003 + (origin & 0xFFFFFFFF) - 1) % len(targets)])
        links = (link["target"] for link in self.actual["links"] if link["kind"] == "hard" and link["path"] == path)
        return next(links, path)


def kept(path):
    """What libhdf5 says of a file, with the elements."""
    oracle.Walker = Walker
    return oracle.examine(str(path))


def thing(where):
    """The path, and the attribute or none."""
    path, _, attribute = where.partition(" @")
    return path, attribute or None


def differences(ops, ref, ours, origin):
    """The causes of the differences, each with their number; and the differences that have none, as text."""
    comparison = Differences("content")
    expected, actual = apart(oracle.examine, str(ref)), apart(oracle.examine, str(ours))
    if actual.get("status") not in ("ok", "partial"):
        return {}, [f"libhdf5 does not read it: {actual.get('error') or actual.get('status')}"]
    comparison.documents(expected, actual)
    if not comparison.found:
        return {}, []
    wanted = [thing(where) for where, what, *_ in comparison.found if what == "values"]
    judge = Judge(ref, ours, apart(Origins(str(origin)).origins, ops, wanted))
    causes, unexplained = collections.Counter(), []
    for found in comparison.found:
        named, why = judge.cause(*found)
        causes.update(named)
        if why or not named:
            unexplained.append(": ".join([*found[:2], str(why), *(str(side)[:120] for side in found[2:])]))
    return causes, unexplained


TRIAL = [
    {"op": "create", "libver": "earliest"},
    *({"op": "group", "path": path} for path in ("/a", "/b", "/gone")),
    {"op": "dataset", "path": "/d", "dtype": {"class": "int", "size": 4, "signed": True}, "shape": [10], "layout": "contiguous"},
    {"op": "write", "path": "/d", "dtype": {"class": "int", "size": 4, "signed": True}, "start": [2], "count": [3], "data": 5},
    {"op": "attr", "path": "/", "name": "r", "dtype": {"class": "ref"}, "shape": [20], "data": 1, "targets": ["/a", "/b", "/gone"]},
    {"op": "delete", "path": "/gone"},
]


def another_reference(file, path):
    """Makes the attribute's references to an object, by the path it had, lead to the other one."""
    dead = {"/gone"}
    paths = [TRIAL[-2]["targets"][ops_h5py.mix(1000003 + i) % 3] for i in range(20)]
    refs = [file["/b" if was == path else "/a" if was in dead else was].ref for was in paths]
    file.attrs["r"] = np.array(refs, dtype=h5py.ref_dtype)


# What is done to a file that is equal, and the causes of the differences; None if there must be none.
CHANGES = {
    "nothing": (lambda file: None, set()),
    "an element that was written": (lambda file: file["d"].__setitem__(3, 7), None),
    "an element that never was": (lambda file: file["d"].__setitem__(9, 7), None),
    "a reference to a deleted object": (lambda file: another_reference(file, None), {DANGLING}),
    "another reference": (lambda file: another_reference(file, "/a"), None),
    "an attribute that is gone": (lambda file: file.attrs.__delitem__("r"), None),
    "a link more": (lambda file: file.create_group("more"), None),
}


def changed(work, path):
    with h5py.File(path, "r+") as file:
        work(file)


def trial(change, ops, ref, ours, origin):
    """A change must have a cause, or none, as `CHANGES` says: what is wrong otherwise."""
    work, expected = CHANGES[change]
    apart(changed, work, ours)
    causes, unexplained = differences(ops, ref, ours, origin)
    right = unexplained if expected is None else set(causes) == expected and not unexplained
    return None if right else f"{change}: causes {dict(causes)}, unexplained {unexplained}"

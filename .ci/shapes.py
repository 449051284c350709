"""Derived types through h5py and back.

    shapes.py EXAMPLE

EXAMPLE is tests/examples/shapes.rs, built. It writes samples of structs and enums; h5py must find the values below, and
writes them to another file by its own types, from which the example must read the samples again. Dimension scales go the
same way: made by us, found by h5py; and so do numbers of the complex class of HDF5 2.0.
"""
import os, subprocess, sys, tempfile

import h5py, numpy as np

EXPECTED = {
    "point": [(1.5, -2.0), (0.0, 1e300)],
    "mixed": [(255, -(2**63), 0.5, -3, 7, -128, 65535, -1, 2**64 - 1)],
    "tuple": [(-1, 2.5, 3), (4, 5.0, 6)],
    "newtype": [(9,)],
    "nested": [(1, (2.0, 3.0))],
    "deep": [((1, (0.5, 0.25)), [(2, (1.0, 2.0)), (2, (1.0, 2.0))])],
    "pair": [(1, -1)],
    "pair_of_text": [("ä", "")],
    "two": [(1, [2, 3])],
    "renamed": [(5, 6)],
    "ordered": [(2, 1, 3)],
    "skipping": [(4,)],
    "defaulted": [(1, 2)],
    "text": [("naïve", "plain")],
    "fixed": [("abc", "Köln")],
    "bits": [(True, False, -5)],
    "arrays": [([[1, 2, 3], [4, 5, 6]], [9, 8, 7, 6])],
    "lists": [([1, 2, 3], ["a", "bc"]), ([], [])],
    "ragged": [([[1.0], [], [2.0, 3.0]],)],
    "waves": [(1 - 1j, 0.5 + 2j)],
    "halves": [(1.5, [-2.0, 0.25])],
    "raw": [(b"\1\2\3\4\5", 6)],
    "state": [(2, -1), (0, 100)],
    "palette": [([0, 2, 1], [1])],
    "tuples": [((1, 2.0), (3,))],
    "keyword": [(1, -1)],
    "wide": [(2**63 - 1, 2**64 - 1, -128, 255)],
    "table": [([(1.0, 2.0)], ["x", "yy"])],
    "color": [1, 0],
    "level": [-1, 100, 0],
    "code": [404, 500, 200],
    "big": [5_000_000_000, 1],
    "named": [2, 1],
    "single": [7],
}
ENUMS = {
    "color": {"Red": 0, "Green": 1, "Blue": 2},
    "level": {"Low": -1, "Middle": 0, "High": 100},
    "code": {"Ok": 200, "Missing": 404, "Broken": 500},
    "big": {"Small": 1, "Large": 5_000_000_000},
    "named": {"the one": 1, "zwei": 2},
    "single": {"Only": 7},
}
MEMORY = {"c16": h5py.h5t.NATIVE_DOUBLE_COMPLEX, "c8": h5py.h5t.NATIVE_FLOAT_COMPLEX}
NAMES = {"renamed": ("Über x", "type"), "ordered": ("b", "a", "c"), "keyword": ("type", "match"), "tuple": ("0", "1", "2")}


def plain(value):
    """What NumPy makes of elements, as Python has it."""
    if isinstance(value, np.void):
        return tuple(plain(value[n]) for n in value.dtype.names) if value.dtype.names else bytes(value)
    if isinstance(value, np.ndarray):
        return [plain(v) for v in value]
    if isinstance(value, bytes):
        return value.decode()
    return value.item() if isinstance(value, np.generic) else value


def scales(group, target):
    """What h5py finds of the scales; it makes the same in another file."""
    grid, wrong = group["grid"], []
    found = [[scale.name for scale in grid.dims[i].values()] for i in range(2)], [grid.dims[i].label for i in range(2)]
    if found != ([["/scales/rows"], ["/scales/columns"]], ["", "across"]):
        wrong.append(f"scales: {found}")
    if list(grid.dims[0].keys()) != ["the rows"] or not h5py.h5ds.is_scale(group["columns"].id):
        wrong.append(f"scales: {list(grid.dims[0].keys())}")
    if group[group.attrs["best"]] != grid:
        wrong.append("scales: the reference leads elsewhere")
    made = target.create_group("scales")
    for name in ["grid", "rows", "columns"]:
        made[name] = group[name][...]
    made["rows"].make_scale("the rows")
    made["columns"].make_scale()
    made["grid"].dims[0].attach_scale(made["rows"])
    made["grid"].dims[1].attach_scale(made["columns"])
    made["grid"].dims[1].label = "across"
    made.attrs["best"] = made["grid"].ref
    return wrong


def native(group, target):
    """Numbers of HDF5 2.0's complex class: libhdf5 must know the type and the values; it writes the same, and in big endian."""
    t, wrong = h5py.h5t, []
    numbers = np.array([1.5 - 2j, 1e30j, -0.25 + 4096j])
    made = target.create_group("native")

    def look(what, item, wanted, file_type, memory):
        if item.get_type().get_class() != t.COMPLEX or not item.get_type().equal(file_type):
            wrong.append(f"native {what}: another type")
        found = np.empty(wanted.shape, memory)
        if isinstance(item, h5py.h5a.AttrID):
            item.read(found, MEMORY[memory])
        else:
            item.read(h5py.h5s.ALL, h5py.h5s.ALL, found, MEMORY[memory])
        if not np.array_equal(found, wanted.astype(memory)):
            wrong.append(f"native {what}: {found}")

    def write(name, file_type, memory, attribute, of):
        space = h5py.h5s.create_simple(numbers.shape)
        dataset = h5py.h5d.create(made.id, name, file_type, space)
        dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, numbers.astype(memory), MEMORY[memory])
        space = h5py.h5s.create_simple(of.shape) if of.shape else h5py.h5s.create(h5py.h5s.SCALAR)
        h5py.h5a.create(dataset, attribute, file_type, space).write(np.asarray(of, memory), MEMORY[memory])

    for name, file_type, memory, attribute, of in [
        (b"f64", t.COMPLEX_IEEE_F64LE, "c16", b"one", numbers[0]),
        (b"f32", t.COMPLEX_IEEE_F32LE, "c8", b"all", numbers),
        (b"f64be", t.COMPLEX_IEEE_F64BE, "c16", b"one", numbers[0]),
    ]:
        write(name, file_type, memory, attribute, of)
        if name != b"f64be":
            dataset = h5py.h5d.open(group.id, name)
            look(name, dataset, numbers, file_type, memory)
            look(f"{name} attribute", h5py.h5a.open(dataset, attribute), of, file_type, memory)
    return wrong


def main():
    example, wrong = sys.argv[1], []
    with tempfile.TemporaryDirectory() as folder:
        first, second = os.path.join(folder, "first.h5"), os.path.join(folder, "second.h5")
        print(subprocess.run([example, "write", first], capture_output=True, text=True, check=True).stdout.strip())
        with h5py.File(first) as f, h5py.File(second, "w") as g:
            wrong += [f"{name}: not asked for" for name in f if name not in {*EXPECTED, "scales", "native"}]
            wrong += scales(f["scales"], g)
            wrong += native(f["native"], g)
            for name, expected in EXPECTED.items():
                values = f[name][...]
                found = [plain(v) for v in values]
                if found != expected:
                    wrong.append(f"{name}: expected {expected}, found {found}")
                if name in ENUMS and h5py.check_enum_dtype(f[name].dtype) != ENUMS[name]:
                    wrong.append(f"{name}: {h5py.check_enum_dtype(f[name].dtype)}")
                if name in NAMES and f[name].dtype.names != NAMES[name]:
                    wrong.append(f"{name}: {f[name].dtype.names}")
                g.create_dataset(name, data=values, dtype=f[name].dtype)
        back = subprocess.run([example, "check", second], capture_output=True, text=True)
        print(back.stdout.strip())
        if back.returncode != 0:
            wrong.append(f"what h5py wrote was not read: {back.stderr}")
    for line in wrong:
        print(line)
    print(f"{len(EXPECTED)} shapes, {len(wrong)} wrong")
    sys.exit(1 if wrong else 0)


main()

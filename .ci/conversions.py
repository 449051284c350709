"""Conversions between datatypes against libhdf5's, case by case.

    conversions.py EXAMPLE [--values N] [--seed N]

EXAMPLE is hdf5-format/examples/convert.rs, built. All pairs of numbers in both byte orders, enumerations, bit fields and
strings are converted by libhdf5 (through h5py) and by us. libhdf5 converts what the processor has by C casts and the
rest by code of its own, which differ where C leaves open what happens (no number to an integer), in rounding, and by
overflow. A case that differs must be what libhdf5 itself makes of the same values in other byte orders; those are counted.
"""
import argparse, itertools, subprocess, sys

import h5py, numpy as np
from h5py import h5t

ap = argparse.ArgumentParser()
ap.add_argument("example")
ap.add_argument("--values", type=int, default=250)
ap.add_argument("--seed", type=int, default=1)
args = ap.parse_args()
rng = np.random.default_rng(args.seed)


def message(datatype):
    """A datatype as the message that object headers hold."""
    return datatype.encode()[2:]


def convert(src, dst, data, count):
    room = np.zeros(count * max(src.get_size(), dst.get_size()), dtype="u1")
    room[: len(data)] = np.frombuffer(data, "u1")
    h5t.convert(src, dst, count, room, None)
    return room[: count * dst.get_size()].tobytes()


class Ours:
    def __init__(self):
        self.requests = []

    def ask(self, how, src, dst, data):
        self.requests.append(f"{how} {message(src).hex()} {message(dst).hex()} {data.hex()}")
        return len(self.requests) - 1

    def answers(self):
        text = "\n".join(self.requests) + "\n"
        return subprocess.run([args.example], input=text, capture_output=True, text=True, check=True).stdout.splitlines()


def numpy_type(name):
    return h5t.py_create(np.dtype(name))


NUMBERS = [o + k + s for k, s in itertools.product("iu", "1248") for o in "<>"] + ["<f2", ">f2", "<f4", ">f4", "<f8", ">f8"]


def values(name):
    """Edge values of a type and random bits."""
    dtype = np.dtype(name)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        edge = [0, 1, info.max, info.max - 1, info.min, info.min + 1]
        for bits in range(2, 65):
            edge += [2**bits - 1, 2**bits, 2**bits + 1, -(2**bits), -(2**bits) - 1, -(2**bits) + 1]
        edge = [v for v in edge if info.min <= v <= info.max]
        found = np.array(edge, dtype=dtype)
    else:
        info = np.finfo(dtype)
        edge = [0.0, -0.0, np.nan, np.inf, -np.inf, info.max, info.min, info.tiny, info.smallest_subnormal, 0.5, 1.5, 2.5, -0.5]
        for bits in [7, 8, 11, 15, 16, 24, 31, 32, 53, 63, 64]:
            for sign in (1.0, -1.0):
                edge += [sign * (2.0**bits + d) for d in (-1, -0.5, 0, 0.5, 1)]
        edge += [65504.0, 65519.9, 65520.0, 3.4028234663852886e38, 3.4028235677973366e38, 1e300, 6e-8, 2.98e-8, 1.17549421e-38]
        with np.errstate(over="ignore"):
            found = np.array(edge).astype(dtype)
    keep = found[rng.permutation(len(found))[: args.values]]
    some = rng.integers(0, 256, max(0, args.values - len(keep)) * dtype.itemsize, dtype="u1").tobytes()
    return np.concatenate([keep.astype(dtype), np.frombuffer(some, dtype)]).astype(dtype)


def swapped(name):
    """The same type in both byte orders."""
    return {"<" + name[1:], ">" + name[1:]}


def same(a, b, kind):
    return a == b or (kind == "f" and np.isnan(a) and np.isnan(b))


def judge_numbers():
    ours, asked = Ours(), []
    for src, dst in itertools.product(NUMBERS, NUMBERS):
        data = values(src)
        theirs = {}
        for s, d in itertools.product(swapped(src), swapped(dst)):
            made = convert(numpy_type(s), numpy_type(d), data.astype(s).tobytes(), len(data))
            theirs[s, d] = np.frombuffer(made, d).astype(dst)
        clamped = ours.ask("clamp", numpy_type(src), numpy_type(dst), data.tobytes())
        exact = [ours.ask("exact", numpy_type(src), numpy_type(dst), data[i : i + 1].tobytes()) for i in range(8)]
        asked.append((src, dst, data, theirs, clamped, exact))
    answers, cases, open_, bad = ours.answers(), 0, 0, []
    for src, dst, data, theirs, number, exact in asked:
        found = np.frombuffer(bytes.fromhex(answers[number]), dst)
        kind = np.dtype(dst).kind
        for i, (value, got) in enumerate(zip(data, found)):
            cases += 1
            if same(got, theirs[src, dst][i], kind):
                continue
            if any(same(got, other[i], kind) for other in theirs.values()):
                open_ += 1
            else:
                bad.append((src, dst, value, got, {k: v[i] for k, v in theirs.items()}))
        for value, answer in zip(data[:8], exact):
            cases += 1
            text = answers[answer]
            if not text.startswith("error"):
                got = np.frombuffer(bytes.fromhex(text), dst)[0]
                if not (exactly(value) == exactly(got) or (value != value and got != got)):
                    bad.append((src, dst, value, got, "exact, and not equal"))
            elif representable(value, dst):
                bad.append((src, dst, value, text, "exact, and refused"))
    return cases, open_, bad


def exactly(value):
    """A number that compares as what it is."""
    return int(value) if isinstance(value, np.integer) else (int(value) if np.isfinite(value) and value == np.floor(value) else float(value))


def representable(value, dst):
    dtype = np.dtype(dst)
    if value != value:
        return dtype.kind == "f"
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            return exactly(np.array(float(value)).astype(dtype)[()]) == exactly(value)
    if not np.isfinite(value) or exactly(value) != int(value):
        return False
    info = np.iinfo(dtype)
    return info.min <= int(value) <= info.max


def padded(size, padding):
    made = h5t.C_S1.copy()
    made.set_size(size)
    made.set_strpad(padding)
    return made


def enumeration(base, members):
    made = h5t.enum_create(base)
    for name, number in members.items():
        made.enum_insert(name.encode(), number)
    return made


def odd(base, precision, offset):
    made = base.copy()
    made.set_precision(precision)
    made.set_offset(offset)
    return made


def only_swapped(src, dst, data, answer):
    """True if libhdf5 did no more than turn the bytes around: between integers of one size without an offset, in different
    byte orders, it does not look at their precisions."""
    integers = src.get_class() == dst.get_class() == h5t.INTEGER
    if not integers or src.get_offset() or dst.get_offset() or src.get_order() == dst.get_order():
        return False
    size = src.get_size()
    return size == dst.get_size() and answer == b"".join(data[i : i + size][::-1] for i in range(0, len(data), size))


def judge_others():
    """Strings, enumerations, booleans, bit fields, odd integers: whole answers must be equal."""
    jobs = []
    paddings = [h5t.STR_NULLTERM, h5t.STR_NULLPAD, h5t.STR_SPACEPAD]
    letters = np.frombuffer(b"ab \0z", "u1")
    for from_pad, to_pad, size, other in itertools.product(paddings, paddings, (1, 3, 6), (1, 2, 5, 9)):
        if (from_pad, size) != (to_pad, other):
            data = letters[rng.integers(0, 5, size * 40)].tobytes()
            jobs.append((padded(size, from_pad), padded(other, to_pad), data, 40))
    for _ in range(60):
        names = [f"N{i}" for i in range(int(rng.integers(2, 9)))]
        one = enumeration(h5t.STD_I8LE, {n: int(v) for n, v in zip(names, rng.permutation(40))})
        # Where one type lacks a name of the other libhdf5 2.0 takes numbers of other names, or memory's: not asked.
        base = [h5t.STD_I16LE, h5t.STD_I32BE, h5t.STD_U8LE][int(rng.integers(3))]
        two = enumeration(base, {n: int(v) for n, v in zip(rng.permutation(names), rng.permutation(100))})
        data = rng.integers(0, 40, 40, dtype="u1").tobytes()
        jobs.append((one, two, data, 40))
        jobs.append((one, [h5t.STD_I32LE, h5t.IEEE_F64BE, h5t.STD_U16BE][int(rng.integers(3))], data, 40))
    boolean = numpy_type("?")
    for dst in ["<i4", ">u2", "<f4", ">f8"]:
        jobs.append((boolean, numpy_type(dst), rng.integers(0, 2, 40, dtype="u1").tobytes(), 40))
    fields = [h5t.STD_B8LE, h5t.STD_B16LE, h5t.STD_B16BE, h5t.STD_B32LE, h5t.STD_B32BE, h5t.STD_B64LE, h5t.STD_B64BE]
    for src, dst in itertools.permutations(fields, 2):
        jobs.append((src, dst, rng.integers(0, 256, src.get_size() * 40, dtype="u1").tobytes(), 40))
    narrow = [odd(h5t.STD_I32LE, 17, 3), odd(h5t.STD_U32BE, 20, 0), odd(h5t.STD_I16BE, 9, 7), odd(h5t.STD_U64LE, 33, 31)]
    whole = [h5t.STD_I8LE, h5t.STD_U16BE, h5t.STD_I32LE, h5t.STD_U64LE, h5t.IEEE_F64LE]
    for src, dst in itertools.chain(itertools.product(narrow, whole + narrow), itertools.product(whole[:4], narrow)):
        if src is not dst:
            jobs.append((src, dst, rng.integers(0, 256, src.get_size() * 60, dtype="u1").tobytes(), 60))
    ours, asked = Ours(), []
    for src, dst, data, count in jobs:
        asked.append((src, dst, data, count, convert(src, dst, data, count), ours.ask("clamp", src, dst, data)))
    answers, cases, open_, bad = ours.answers(), 0, 0, []
    for src, dst, data, count, expected, number in asked:
        cases += count
        if answers[number] == expected.hex():
            continue
        if only_swapped(src, dst, data, expected):
            open_ += count
        else:
            bad.append((message(src).hex(), message(dst).hex(), data[:60], answers[number][:80], expected.hex()[:80]))
    return cases, open_, bad


cases, open_, bad = judge_numbers()
others, swapped_only, wrong = judge_others()
for case in (bad + wrong)[:8]:
    print(*case)
print(f"{cases + others} cases: {len(bad) + len(wrong)} differ; {open_} are what libhdf5 makes of them in another byte order; "
      f"of {swapped_only} it only swaps the bytes, whatever their precision")
sys.exit(1 if bad or wrong else 0)

"""Random selections of every kind, read and written by us and by h5py, over every way to store elements.

    selections.py SELECT [--count 6000] [--seed 1] [--bench]

SELECT is the example `select`. Reads must give the bytes that h5py gives; after the same writes h5py must read the same from our
file as from its own. With --bench the times of a mask, of points and of reading into memory are set beside h5py's.
"""

import argparse
import contextlib
import itertools
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

import h5py
import numpy as np

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("select", type=pathlib.Path)
parser.add_argument("--count", type=int, default=6000)
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--bench", action="store_true")
args = parser.parse_args()
rng = random.Random(args.seed)
rows = np.random.default_rng(args.seed)


class Ours:
    """The example program, asked over pipes."""

    def __init__(self):
        self.process = subprocess.Popen([args.select.resolve()], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, *words, body=b""):
        pipe = self.process.stdin
        pipe.write("\t".join(map(str, words)).encode() + b"\n" + body)
        pipe.flush()
        answer = self.process.stdout.readline().decode().split(None, 2)
        if not answer or answer[0] != "ok":
            return None, " ".join(answer[1:])
        return answer[1], self.process.stdout.read(int(answer[2]))


# ---- datasets

SHAPES = {1: (211,), 2: (29, 17), 3: (9, 11, 7), 4: (5, 6, 4, 7), 5: (4, 3, 5, 4, 6)}
CHUNKS = {1: (13,), 2: (8, 5), 3: (4, 3, 7), 4: (2, 4, 3, 3), 5: (3, 2, 2, 4, 4)}
COMPOUND = np.dtype([("a", "<i2"), ("b", "S3"), ("c", ">f4")])


def values(shape, dtype):
    raw = rows.integers(0, 256, int(np.prod(shape)) * dtype.itemsize, dtype=np.uint8)
    out = np.frombuffer(raw.tobytes(), dtype).reshape(shape).copy()
    if dtype.kind == "f":
        out = rows.normal(size=shape).astype(dtype)
    return out


def make(path, libver, external):
    """A file with datasets of every layout; those that may be written."""
    names = []
    with h5py.File(path, "w", libver=libver) as f:
        for rank, shape in SHAPES.items():
            dtype = [np.dtype(t) for t in ("<i4", ">f8", "u1", "<i8", COMPOUND)][rank - 1]
            chunk, unlimited = CHUNKS[rank], (None,) * rank
            half = tuple(slice(0, -(-n // 2)) for n in shape)

            def add(name, part=False, fill=None, **options):
                name = f"{name}{rank}"
                if fill is None and part and dtype.kind != "V":
                    fill = 7
                d = f.create_dataset(name, shape, dtype, fillvalue=fill, **options)
                if part:
                    d[half] = values(d[half].shape, dtype)
                else:
                    d[...] = values(shape, dtype)
                names.append(name)

            add("contiguous")
            add("nothing", part=True)
            add("chunked", chunks=chunk)
            add("part", part=True, chunks=chunk, compression="gzip")
            add("single", chunks=shape, compression="gzip", shuffle=True)
            add("grows", chunks=chunk, maxshape=(None, *shape[1:]), compression="lzf", fletcher32=True)
            add("growing", part=True, chunks=chunk, maxshape=unlimited, compression="gzip", shuffle=True)
            plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            plist.set_layout(h5py.h5d.COMPACT)
            small = tuple(min(n, 6) for n in shape)
            space = h5py.h5s.create_simple(small)
            d = h5py.Dataset(h5py.h5d.create(f.id, b"compact%d" % rank, h5py.h5t.py_create(dtype), space, plist))
            d[...] = values(small, dtype)
            names.append(f"compact{rank}")
            plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            plist.set_chunk(chunk)
            plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
            space = h5py.h5s.create_simple(shape)
            d = h5py.Dataset(h5py.h5d.create(f.id, b"implicit%d" % rank, h5py.h5t.py_create(dtype), space, plist))
            d[...] = values(shape, dtype)
            names.append(f"implicit{rank}")
        writable = list(names)
        if external:
            shape, dtype = SHAPES[3], np.dtype("<i4")
            size = int(np.prod(shape)) * 4
            files = [(f"raw{i}", 0, n) for i, n in enumerate((size // 3, size // 2, h5py.h5f.UNLIMITED))]
            f.create_dataset("external", shape, dtype, external=files)[...] = values(shape, dtype)
            names += ["external", *make_virtual(f, path)]
    return names, writable


def make_virtual(f, path):
    with h5py.File(path.with_name("source.h5"), "w") as s:
        for i in range(6):
            s.create_dataset(f"s{i}", (10, 12), "<i2", chunks=(4, 5) if i % 2 else None)[...] = values((10, 12), np.dtype("<i2"))
        s.create_dataset("line", (240,), "<i2")[...] = values((240,), np.dtype("<i2"))
    layouts = {name: h5py.VirtualLayout((20, 40), "<i4") for name in ("tiles", "strided", "reshaped", "gaps")}
    for i, (r, c) in enumerate(itertools.product((0, 10), (0, 12, 24))):
        layouts["tiles"][r : r + 10, c : c + 12] = h5py.VirtualSource("source.h5", f"s{i}", (10, 12))
    for i in range(2):
        layouts["strided"][i::2, 1:37:3] = h5py.VirtualSource("source.h5", f"s{i}", (10, 12))
    layouts["reshaped"][2:8, :] = h5py.VirtualSource("source.h5", "line", (240,))
    layouts["gaps"][5:15, 0:36:3] = h5py.VirtualSource("source.h5", "s3", (10, 12))
    layouts["gaps"][0:5, 4:28:2] = h5py.VirtualSource("source.h5", "s5", (10, 12))[5:, :]
    layouts["gaps"][16:18, 1:7] = h5py.VirtualSource("missing.h5", "x", (2, 6))
    for name, layout in layouts.items():
        f.create_virtual_dataset(name, layout, fillvalue=-9)
    return list(layouts)


def make_mapped(path, others=()):
    """Virtual datasets over the datasets of the file, or of others that take turns; and where they are mapped."""
    names = []
    files = [path.with_name(name) for name in others] or [path]
    with contextlib.ExitStack() as open_files:
        opened = [open_files.enter_context(h5py.File(file, "w", libver="latest")) for file in files]
        for i in range(6):
            s = opened[i % len(opened)]
            s.create_dataset(f"s{i}", (10, 12), "<i4" if i != 4 else ">i8", chunks=(4, 5) if i % 2 else None)[...] = i
        opened[0].create_dataset("line", (240,), "<i4")[...] = 7
    with h5py.File(path, "a", libver="latest") as f:
        number = lambda name: int(name[1:]) if name != "line" else 0
        source = lambda name, shape: h5py.VirtualSource(others[number(name) % len(others)] if others else ".", name, shape)
        layouts = {name: h5py.VirtualLayout((20, 40), "<i4") for name in ("tiles", "strided", "reshaped", "gaps")}
        for i, (r, c) in enumerate(itertools.product((0, 10), (0, 12, 24))):
            layouts["tiles"][r : r + 10, c : c + 12] = source(f"s{i}", (10, 12))
        for i in range(2):
            layouts["strided"][i::2, 1:37:3] = source(f"s{i}", (10, 12))
        layouts["reshaped"][2:8, :] = source("line", (240,))
        layouts["gaps"][5:15, 0:36:3] = source("s3", (10, 12))
        layouts["gaps"][0:5, 4:28:2] = source("s5", (10, 12))[5:, :]
        for name, layout in layouts.items():
            f.create_virtual_dataset(name, layout, fillvalue=-9)
            names.append(name)
    return names


def check_virtual_writes(ours, path, names, count, others=()):
    """Writes through virtual datasets to two copies: what h5py refuses, we do; sources must be the same."""
    mine, theirs = path.parent / "mine" / path.name, path.parent / "theirs" / path.name

    def copy(of, to):
        to.parent.mkdir(exist_ok=True)
        for name in (path.name, *others):
            shutil.copy(of.with_name(name), to.with_name(name))

    copy(path, mine)
    copy(path, theirs)
    with h5py.File(path, "r") as f:
        mapped = {name: f[name][...] != -9 for name in names}
    for _ in range(count):
        name = rng.choice(names)
        with h5py.File(theirs, "r+") as f:
            d = f[name]
            kind = rng.choice([Orthogonal, Union]) if rng.random() < 0.3 else Inside
            select = kind(d.shape, True) if kind is not Inside else Inside(mapped[name])
            if kind is Orthogonal and select.plain() is None:
                # h5py has no such selection, and would write all.
                continue
            new = values(select.shape, d.dtype) if select.shape else values((1,), d.dtype)
            try:
                select.write(d, new if select.shape else new[0])
                wanted = "written"
            except OSError as e:
                assert "unmapped portion" in str(e), e
                wanted = None
        answer, got = ours.ask("write", mine, name, select.text, new.nbytes, body=new.tobytes())
        note(f"virtual {'write' if wanted else 'refused'}", answer == wanted, f"{name} [{select.text}]: {answer or got} instead of {wanted}")
        if rng.random() < 0.1 or answer != wanted:
            answer, got = ours.ask("commit", mine)
            note("commit", answer == "committed", f"{mine.name}: commit: {got}")
            differ = []
            for part in (path.name, *others):
                with h5py.File(mine.with_name(part), "r") as a, h5py.File(theirs.with_name(part), "r") as b:
                    differ += [n for n in b if a[n][...].tobytes() != b[n][...].tobytes()]
            what = "sources in other files" if others else "files"
            note(f"{what} after virtual writes", not differ, f"{differ} differ after {name} [{select.text}]")
            copy(theirs, mine)
    if others:
        # A source that is missing, or that someone else has open: nothing is written anywhere.
        answer, _ = ours.ask("commit", mine)
        before = [mine.with_name(name).read_bytes() for name in others[:-1]]
        whole = np.zeros((20, 36), "<i4")
        mine.with_name(others[-1]).rename(path)
        answer, got = ours.ask("write", mine, "tiles", "0:20, 0:36", whole.nbytes, body=whole.tobytes())
        note("missing source", answer is None, f"a missing source: {answer} {got}")
        path.rename(mine.with_name(others[-1]))
        with h5py.File(mine.with_name(others[-1]), "r"):
            answer, got = ours.ask("write", mine, "tiles", "0:20, 0:36", whole.nbytes, body=whole.tobytes())
        note("locked source", answer is None and "open elsewhere" in got, f"a locked source: {answer} {got}")
        note("sources after refusals", before == [mine.with_name(name).read_bytes() for name in others[:-1]], "sources changed")


# ---- selections: text for us, and what h5py or NumPy does

def a_slice(n, once):
    """Text, NumPy index, whether the dimension goes."""
    kind = rng.choice(["index", "range", "range", "step", "all", "list", "any", "mask", "empty", "slab"])
    if kind == "index":
        i = rng.randrange(-n, n)
        return str(i), i % n, True
    if kind == "all":
        return ":", np.arange(n), False
    if kind in ("range", "step"):
        a, b = (rng.choice([None, rng.randrange(-n - 1, n + 2)]) for _ in "ab")
        step = rng.randrange(1, 5) if kind == "step" else 1
        text = f"{'' if a is None else a}:{'' if b is None else b}" + (f":{step}" if step > 1 else "")
        # NumPy takes positions past the beginning as the beginning, as we do.
        return text, np.arange(n)[a:b:step], False
    if kind == "slab":
        block = rng.randrange(1, min(3, n) + 1)
        stride = block + rng.randrange(0, 3)
        start = rng.randrange(0, n - block + 1)
        count = rng.randrange(1, (n - start - block) // stride + 2)
        at = np.concatenate([np.arange(start + i * stride, start + i * stride + block) for i in range(count)])
        return f"slab({start},{stride},{count},{block})", at, False
    if kind == "mask":
        mask = rows.random(n) < rng.random()
        at = np.flatnonzero(mask)
        return f"mask({n}: {', '.join(map(str, at))})", at, False
    at = sorted(rng.sample(range(n), rng.randrange(0 if kind == "empty" else 1, n + 1)))
    if kind == "any":
        at = [rng.choice([i, i - n]) for i in at] + ([] if once else [at[0]])
        rng.shuffle(at)
    return "[" + ",".join(map(str, at)) + "]", np.array(at, int) % n, False


class Orthogonal:
    def __init__(self, shape, once):
        slices = [a_slice(n, once) for n in shape]
        self.text = ", ".join(text for text, _, _ in slices)
        self.at = [np.atleast_1d(at) for _, at, _ in slices]
        self.gone = tuple(i for i, (_, _, gone) in enumerate(slices) if gone)
        self.shape = tuple(len(at) for i, at in enumerate(self.at) if i not in self.gone)
        self.size = int(np.prod([len(at) for at in self.at]))

    def plain(self):
        """For h5py itself, which takes one ascending list."""
        lists, out = 0, []
        for i, at in enumerate(self.at):
            step = at[1] - at[0] if len(at) > 1 else 1
            if i in self.gone:
                out.append(int(at[0]))
            elif len(at) == 0:
                out.append(slice(0, 0))
            elif step > 0 and (np.diff(at) == step).all():
                out.append(slice(int(at[0]), int(at[-1]) + 1, int(step)))
            elif (np.diff(at) > 0).all():
                lists, _ = lists + 1, out.append(at)
            else:
                return None
        return tuple(out) if lists <= 1 else None

    def read(self, d):
        plain = self.plain() if self.size else None
        if plain is not None:
            return d[plain]
        return d[...][np.ix_(*self.at)].reshape(self.shape)

    def write(self, d, new):
        if not self.size:
            return
        plain = self.plain()
        if plain is not None:
            d[plain] = new
            return
        whole = d[...]
        whole[np.ix_(*self.at)] = new.reshape([len(at) for at in self.at])
        d[...] = whole


class Points:
    def __init__(self, shape, once):
        count = rng.choice([0, 1, 3, 20, 200])
        at = [tuple(rng.randrange(n) for n in shape) for _ in range(count)]
        if once:
            at = list(dict.fromkeys(at))
        text = [",".join(str(rng.choice([x, x - n])) for x, n in zip(p, shape)) for p in at]
        self.text = "{" + "; ".join(text) + "}"
        self.points = at
        self.size, self.shape = len(at), (len(at),)

    def space(self, d):
        space = d.id.get_space()
        space.select_elements(self.points)
        return space

    def read(self, d):
        out = np.zeros(self.size, d.dtype)
        if self.size:
            d.id.read(h5py.h5s.create_simple((self.size,)), self.space(d), out)
        return out

    def write(self, d, new):
        if self.size:
            d.id.write(h5py.h5s.create_simple((self.size,)), self.space(d), new)


class Mask:
    def __init__(self, shape, once):
        share = rng.choice([0, 0.01, 0.1, 0.5, 1])
        self.mask = rows.random(shape) < share
        if rng.random() < 0.3:
            corner = tuple(slice(*sorted((rng.randrange(n + 1), rng.randrange(n + 1)))) for n in shape)
            self.mask[corner] = True
        self.size = int(self.mask.sum())
        self.shape = (self.size,)
        at = np.flatnonzero(self.mask)
        runs = np.split(at, np.flatnonzero(np.diff(at) > 1) + 1) if len(at) else []
        text = [f"{r[0]}" if len(r) == 1 else f"{r[0]}:{r[-1] + 1}" for r in runs]
        self.text = f"mask({','.join(map(str, shape))}: {', '.join(text)})"

    def read(self, d):
        return d[self.mask] if self.size else d[...][self.mask]

    def write(self, d, new):
        if self.size:
            d[self.mask] = new


class Union:
    """Of slabs, by the library's own H5S_SELECT_OR."""

    def __init__(self, shape, once):
        self.slabs, text = [], []
        for _ in range(rng.randrange(2, 6)):
            slab = []
            for n in shape:
                block = rng.randrange(1, min(4, n) + 1)
                stride = block + rng.randrange(0, 3)
                start = rng.randrange(0, n - block + 1)
                slab.append((start, stride, rng.randrange(1, (n - start - block) // stride + 2), block))
            self.slabs.append(slab)
            text.append(", ".join("slab({},{},{},{})".format(*s) for s in slab))
        self.text = " | ".join(text)
        mask = np.zeros(shape, bool)
        for slab in self.slabs:
            at = [np.concatenate([np.arange(s + i * t, s + i * t + b) for i in range(c)]) for s, t, c, b in slab]
            mask[np.ix_(*at)] = True
        self.size = int(mask.sum())
        self.shape = (self.size,)

    def space(self, d):
        space = d.id.get_space()
        for i, slab in enumerate(self.slabs):
            start, stride, count, block = zip(*slab)
            op = h5py.h5s.SELECT_OR if i else h5py.h5s.SELECT_SET
            space.select_hyperslab(start, count, stride, block, op=op)
        return space

    # libhdf5 2.0 joins some slabs of one pattern so that it meets a chunk twice, and refuses: then all elements are taken.
    def read(self, d):
        try:
            return Points.read(self, d)
        except OSError as e:
            self.is_known(e)
            return d[...].ravel()[self.numbers(d)]

    def write(self, d, new):
        try:
            Points.write(self, d, new)
        except OSError as e:
            self.is_known(e)
            whole = d[...]
            whole.ravel()[self.numbers(d)] = new
            d[...] = whole

    @staticmethod
    def is_known(error):
        if "duplicate key" not in str(error):
            raise error

    def numbers(self, d):
        return wanted_places(self, np.arange(d.size).reshape(d.shape))


class Inside:
    """Rows and columns of which all elements are mapped."""

    def __init__(self, mapped):
        r, c = rng.choice(np.argwhere(mapped).tolist())
        steps = [c + s for s in range(0, 40, rng.choice([1, 2, 3, 4, 6])) if c + s < mapped.shape[1] and mapped[r, c + s]]
        columns = sorted(rng.sample(steps, rng.randrange(1, len(steps) + 1)))
        lines = [i for i in range(mapped.shape[0]) if mapped[i, columns].all() and rng.random() < 0.5] or [r]
        self.key = np.ix_(lines, columns)
        self.text = f"[{','.join(map(str, lines))}], [{','.join(map(str, columns))}]"
        self.shape = (len(lines), len(columns))
        self.slabs = [[(i, 1, 1, 1), (j, 1, 1, 1)] for i in lines for j in columns]

    def write(self, d, new):
        space = d.id.get_space()
        for i, slab in enumerate(self.slabs):
            start, stride, count, block = zip(*slab)
            space.select_hyperslab(start, count, stride, block, op=h5py.h5s.SELECT_OR if i else h5py.h5s.SELECT_SET)
        d.id.write(h5py.h5s.create_simple((new.size,)), space, np.ascontiguousarray(new).ravel())


KINDS = [Orthogonal, Orthogonal, Points, Mask, Union]
failures = []
counts = {}


def note(what, good, why=""):
    done = counts.setdefault(what, [0, 0])
    done[0] += 1
    if not good:
        done[1] += 1
        failures.append(why)
        if len(failures) <= 10:
            print(f"     {why[:600]}", flush=True)


def shown(shape):
    return ",".join(map(str, shape)) if shape else "scalar"


def by_h5py(select, d):
    if d.is_virtual and not isinstance(select, Orthogonal):
        # libhdf5 does not read points of virtual datasets.
        whole = d[...].ravel()
        return whole[wanted_places(select, np.arange(d.size).reshape(d.shape))]
    return select.read(d)


def check_reads(ours, path, names, count):
    with h5py.File(path, "r") as f:
        for i in range(count):
            name = names[i % len(names)]
            d = f[name]
            kind = rng.choice(KINDS)
            select = kind(d.shape, False)
            want = np.asarray(by_h5py(select, d), d.dtype).tobytes()
            way = rng.choice(["read", "read", "split"])
            words = ["split", path, name, rng.choice([1, 7, 100]), select.text] if way == "split" else ["read", path, name, select.text]
            shape, got = ours.ask(*words)
            where = f"{path.name} {name} {way} {kind.__name__} [{select.text}]"
            good = shape == shown(select.shape) and got == want
            note(f"{kind.__name__} {way}", good, f"{where}: {shape or got} instead of {shown(select.shape)}")
            if d.chunks and rng.random() < 0.2:
                check_chunks(ours, path, d, name, select, where)


def check_chunks(ours, path, d, name, select, where):
    """Every selected element once, each part within one chunk."""
    answer, got = ours.ask("chunks", path, name, select.text)
    whole, numbers = d[...], np.arange(d.size).reshape(d.shape)
    good = answer == "parts"
    if good:
        length = int.from_bytes(got[:8], "little")
        parts, data = got[8 : 8 + length].decode().split("\t")[:-1], got[8 + length :]
        seen = []
        for part in parts:
            at = places(part, d.shape)
            chunk = {tuple(x // c for x, c in zip(p, d.chunks)) for p in at}
            good &= len(chunk) == 1
            seen += [int(numbers[p]) for p in at]
        once = list(dict.fromkeys(seen)) if isinstance(select, Points) else seen
        good &= sorted(set(seen)) == sorted(set(wanted_places(select, numbers).tolist())) and len(once) == len(set(seen))
        good &= whole.ravel()[np.array(seen, int)].tobytes() == data
    note("chunks", bool(good), f"chunks of {where}")


def wanted_places(select, numbers):
    class Numbers:
        """As a dataset, for selections that NumPy can do."""
        dtype = numbers.dtype

        def __getitem__(self, key):
            return numbers[key]

    if isinstance(select, Points):
        return np.array([numbers[p] for p in select.points], int)
    if isinstance(select, Union):
        mask = np.zeros(numbers.shape, bool)
        for slab in select.slabs:
            at = [np.concatenate([np.arange(s + i * t, s + i * t + b) for i in range(c)]) for s, t, c, b in slab]
            mask[np.ix_(*at)] = True
        return numbers[mask]
    if isinstance(select, Mask):
        return numbers[select.mask]
    return numbers[np.ix_(*select.at)].ravel()


def places(text, shape):
    """The points of a part's text: slices with positive bounds, lists, or points."""
    if text.startswith("{"):
        return [tuple(map(int, p.split(","))) for p in text[1:-1].split(";")]
    along, rest = [], text
    for item in split(text):
        if item.startswith("["):
            along.append([int(i) for i in item[1:-1].split(",")])
        else:
            parts = [int(i) for i in item.split(":")]
            along.append(range(*parts))
    return list(itertools.product(*along))


def split(text):
    depth, item = 0, ""
    for c in text:
        depth += (c == "[") - (c == "]")
        if c == "," and depth == 0:
            yield item.strip()
            item = ""
        else:
            item += c
    yield item.strip()


def check_writes(ours, path, names, count):
    """The same writes to two copies, a few at a time, and both read by h5py."""
    mine, theirs = path.with_name("mine-" + path.name), path.with_name("theirs-" + path.name)
    shutil.copy(path, mine)
    shutil.copy(path, theirs)
    done = 0
    while done < count:
        some, log = rng.randrange(1, 40), []
        with h5py.File(theirs, "r+") as f:
            for _ in range(some):
                name = rng.choice(names)
                d, kind = f[name], rng.choice(KINDS)
                select = kind(d.shape, True)
                new = values(select.shape, d.dtype) if select.shape else values((1,), d.dtype)
                select.write(d, new if select.shape else new[0])
                answer, got = ours.ask("write", mine, name, select.text, new.nbytes, body=new.tobytes())
                log.append(f"{name} [{select.text}]")
                note(f"{kind.__name__} write", answer == "written", f"{path.name} {name} write [{select.text}]: {got}")
                done += 1
        answer, got = ours.ask("commit", mine)
        note("commit", answer == "committed", f"{path.name}: commit: {got}")
        with h5py.File(mine, "r") as a, h5py.File(theirs, "r") as b:
            differ = [name for name in names if a[name][...].tobytes() != b[name][...].tobytes()]
        note("files after writes", not differ, f"{path.name}: {differ} differ after {log}")
        if differ:
            shutil.copy(theirs, mine)


def check_refusals(ours, path):
    for name, text in [("chunked2", "[1,1]"), ("contiguous2", "{1,1; 1,1}"), ("chunked2", "{0,0; 0,-17}"), ("compact1", "[0,-6]")]:
        answer, got = ours.ask("write", path, name, text, 0)
        note("refused", answer is None and "more than once" in got, f"{name} [{text}] written: {got}")


def bench(ours, folder):
    path = folder / "bench.h5"
    n = 10_000_000
    with h5py.File(path, "w", libver="latest") as f:
        data = rows.normal(size=n)
        f["contiguous"] = data
        f.create_dataset("chunked", data=data, chunks=(100_000,))
        f.create_dataset("gzip", data=np.round(data, 2), chunks=(100_000,), compression="gzip", compression_opts=1)
        f.create_dataset("square", data=data.reshape(4000, 2500), chunks=(100, 100))

    def best(run):
        times = []
        for _ in range(3):
            start = time.perf_counter()
            out = run()
            times.append(time.perf_counter() - start)
        return min(times), out

    flat = rows.random(n) < 0.01
    for name in ("contiguous", "chunked", "gzip", "square"):
        with h5py.File(path, "r") as f:
            d = f[name]
            mask = flat.reshape(d.shape)
            theirs, want = best(lambda: d[mask])
            at = np.stack([rows.integers(0, m, 100_000) for m in d.shape], axis=1).astype("<i8")
            space = d.id.get_space()

            def points():
                space.select_elements(at)
                out = np.empty(len(at))
                d.id.read(h5py.h5s.create_simple((len(at),)), space, out)
                return out

            theirs_points, want_points = best(points)
            box = "100:4100000" if d.ndim == 1 else "10:3990, 7:2000"
            index = tuple(slice(*map(int, s.split(":"))) for s in box.split(","))
            out = np.empty(d[index].shape)
            theirs_into, _ = best(lambda: d.read_direct(out, index))
        for what, words, body, their, want in [
            ("mask, 1 %", ("mask", path, name, n), mask.astype("u1").tobytes(), theirs, want),
            ("100000 points", ("points", path, name, at.shape[1], at.nbytes), at.tobytes(), theirs_points, want_points),
            ("into memory", ("into", path, name, box), b"", theirs_into, out),
        ]:
            seconds, got = ours.ask(*words, body=body)
            same = seconds and got == np.ascontiguousarray(want).tobytes()
            ratio = float(seconds or "nan") / their
            print(f"{'ok  ' if same else 'FAIL'} {name}, {what}: {float(seconds or 'nan') * 1e3:.1f} ms, h5py {their * 1e3:.1f} ms, ratio {ratio:.2f}")


with tempfile.TemporaryDirectory() as folder:
    folder, ours = pathlib.Path(folder), Ours()
    # libhdf5 puts external raw files here.
    os.chdir(folder)
    if args.bench:
        bench(ours, folder)
        sys.exit()
    for libver, external in [("earliest", True), ("latest", False)]:
        path = folder / f"{libver}.h5"
        names, writable = make(path, libver, external)
        check_reads(ours, path, names, args.count * 3 // 8)
        check_writes(ours, path, writable, args.count // 8)
        check_refusals(ours, folder / f"mine-{libver}.h5")
    for others in ((), ("one.h5", "two.h5", "three.h5")):
        path = folder / f"mapped{len(others)}.h5"
        check_virtual_writes(ours, path, make_mapped(path, others), args.count // 8, others)
    for what, (total, bad) in sorted(counts.items()):
        print(f"{'FAIL' if bad else 'ok  '} {what}: {total - bad} of {total} equal")
    total = sum(n for what, (n, _) in counts.items() if what.split()[0] in ("Orthogonal", "Points", "Mask", "Union", "virtual"))
    print(f"{total} selections, {len(failures)} failures")
    if total < min(5000, args.count) * 0.99 or failures:
        sys.exit(1)

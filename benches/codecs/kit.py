"""What the checks and the benchmark of the codecs share: the table of codecs, the C filters, our process.

Needs h5py and hdf5plugin (`fixtures/generate/requirements.txt`).
"""
import ctypes, glob, itertools, os, pathlib, struct, subprocess, time

import h5py
import hdf5plugin
import numpy as np

INTEGERS = ["i1", "<i2", ">i2", "<i4", ">i4", "<i8", ">i8", "u1", "<u2", ">u2", "<u4", ">u4", "<u8", ">u8"]
FLOATS = ["<f4", ">f4", "<f8", ">f8"]
OTHERS = ["<f2", "S5", "S300", "V3", "V12", [("a", "<i2"), ("b", "<f8")], ("<i4", (3,))]
ALL = INTEGERS + FLOATS + OTHERS


class Codec:
    """One filter: how h5py is told to use it, on what, and what the filter's speed is held against.

    `options(rng, dtype, chunk)` gives keyword arguments of `create_dataset`, or a function that sets up a property
    list; `least` is the share of the C filter's throughput that ours must reach. `narrow` ones are told how many bits
    of an integer matter: random numbers of bits are tried.
    """

    def __init__(self, name, filter_id, dtypes, options, bench, least, lossy=False, dims=4, narrow=False):
        self.name, self.filter_id, self.dtypes, self.options = name, filter_id, dtypes, options
        self.bench, self.least, self.lossy, self.dims, self.narrow = bench, least, lossy, dims, narrow

    def stored_type(self, rng, dtype):
        stored = h5py.h5t.py_create(np.dtype(dtype), logical=True)
        if self.narrow and stored.get_class() == h5py.h5t.INTEGER and rng.random() < 0.7:
            stored, most = stored.copy(), 8 * stored.get_size()
            bits = int(rng.integers(1, most + 1))
            stored.set_precision(bits)
            stored.set_offset(int(rng.integers(0, most - bits + 1)))
        return stored


def szip(rng, dtype, chunk):
    pixels = int(rng.choice([n for n in range(2, 33, 2) if n <= max(np.prod(chunk), 2)]))
    return {"compression": "szip", "compression_opts": (str(rng.choice(["nn", "ec"])), pixels)}


def blosc(rng, dtype, chunk):
    name = str(rng.choice(["blosclz", "lz4", "lz4hc", "zlib", "zstd"]))
    return hdf5plugin.Blosc(cname=name, clevel=int(rng.integers(0, 10)), shuffle=int(rng.integers(0, 3)))


def blosc2(rng, dtype, chunk):
    name = str(rng.choice(["blosclz", "lz4", "lz4hc", "zlib", "zstd"]))
    how = hdf5plugin.Blosc2(cname=name, clevel=int(rng.integers(0, 10)), filters=int(rng.integers(0, 5)))
    block = int(rng.choice([0, 0, 64, 1000, 4096, 1 << 16]))
    return {"compression": 32026, "compression_opts": (0, block, *how.filter_options[2:])}


def bitshuffle(rng, dtype, chunk):
    name = str(rng.choice(["none", "lz4", "zstd"]))
    return hdf5plugin.Bitshuffle(nelems=int(rng.choice([0, 8, 64, 1000])), cname=name)


def zfp(rng, dtype, chunk):
    kind = int(rng.integers(0, 5))
    if kind == 0 or np.dtype(dtype).kind in "iu" and kind == 2:
        return hdf5plugin.Zfp(reversible=True)
    if kind == 1:
        return hdf5plugin.Zfp(rate=float(rng.integers(4, 30)))
    if kind == 2:
        return hdf5plugin.Zfp(accuracy=float(10.0 ** rng.integers(-6, 3)))
    if kind == 3:
        return hdf5plugin.Zfp(precision=int(rng.integers(2, 60)))
    return hdf5plugin.Zfp(minbits=1, maxbits=int(rng.integers(200, 5000)), maxprec=64, minexp=-1074)


def scale_offset(rng, dtype, chunk):
    if np.dtype(dtype).kind == "f":
        return {"scaleoffset": int(rng.integers(0, 8))}
    return {"scaleoffset": 0}


def nbit(precision=None):
    def setup(dcpl):
        dcpl.set_filter(5, h5py.h5z.FLAG_OPTIONAL, ())

    return setup


CODECS = {
    codec.name: codec
    for codec in [
        Codec("deflate", 1, ALL, lambda r, d, c: {"compression": "gzip", "compression_opts": int(r.integers(0, 10))},
              {"gzip 6": {"compression": "gzip", "compression_opts": 6},
               "gzip 1": {"compression": "gzip", "compression_opts": 1}}, 0.7),
        Codec("shuffle", 2, ALL, lambda r, d, c: {"shuffle": True}, {"": {"shuffle": True}}, 0.9),
        Codec("fletcher32", 3, ALL, lambda r, d, c: {"fletcher32": True}, {"": {"fletcher32": True}}, 0.9),
        Codec("szip", 4, INTEGERS + FLOATS, szip,
              {"nn 16": {"compression": "szip", "compression_opts": ("nn", 16)},
               "ec 32": {"compression": "szip", "compression_opts": ("ec", 32)}}, 0.7, narrow=True),
        Codec("nbit", 5, ALL, lambda r, d, c: nbit(), {}, 0.9, narrow=True),
        Codec("scaleoffset", 6, INTEGERS + FLOATS, scale_offset, {"": None}, 0.9, lossy=True),
        Codec("bzip2", 307, ALL, lambda r, d, c: hdf5plugin.BZip2(int(r.integers(1, 10))), {"9": hdf5plugin.BZip2(9)}, 0.7),
        Codec("lzf", 32000, ALL, lambda r, d, c: {"compression": "lzf"}, {"": {"compression": "lzf"}}, 0.9),
        Codec("blosc", 32001, ALL, blosc,
              {f"{name} 5 {shuffle}": hdf5plugin.Blosc(cname=name, clevel=5, shuffle=shuffle)
               for name, shuffle in [("lz4", 1), ("lz4", 2), ("blosclz", 1), ("zstd", 1), ("zlib", 1), ("lz4hc", 0)]}, 0.7),
        Codec("lz4", 32004, ALL, lambda r, d, c: hdf5plugin.LZ4(int(r.choice([0, 16, 1000, 1 << 20]))),
              {"": hdf5plugin.LZ4()}, 0.9),
        Codec("bitshuffle", 32008, ALL, bitshuffle,
              {name: hdf5plugin.Bitshuffle(cname=name) for name in ("none", "lz4", "zstd")}, 0.9),
        Codec("zfp", 32013, ["<i4", "<i8", "<f4", "<f8"], zfp,
              {"reversible": hdf5plugin.Zfp(reversible=True), "rate 16": hdf5plugin.Zfp(rate=16),
               "accuracy 1e-3": hdf5plugin.Zfp(accuracy=1e-3)}, 0.7, lossy=True),
        Codec("zstd", 32015, ALL, lambda r, d, c: hdf5plugin.Zstd(int(r.integers(1, 23))),
              {f"{n}": hdf5plugin.Zstd(n) for n in (1, 3)}, 0.7),
        Codec("blosc2", 32026, ALL, blosc2,
              {f"{name} 5": hdf5plugin.Blosc2(cname=name, clevel=5) for name in ("blosclz", "lz4", "zstd")}, 0.7, dims=8),
    ]
}


def random_array(rng, dtype, shape):
    """Values as users have them: ramps, walks, few levels, noise, constants."""
    dtype = np.dtype(dtype)
    count = int(np.prod(shape))
    if dtype.kind in "iuf":
        kind = rng.integers(0, 6)
        top = 200 if dtype.itemsize == 1 else 30000
        if kind == 0:
            values = np.arange(count) % top
        elif kind == 1:
            values = np.cumsum(rng.integers(-3, 4, count)) % top
        elif kind == 2:
            values = rng.poisson(5, count)
        elif kind == 3:
            values = np.full(count, rng.integers(0, 100))
        elif kind == 4:
            values = top / 2 + top / 3 * np.sin(np.arange(count) / 50) + rng.normal(size=count)
        else:
            values = rng.integers(0, top, count)
        values = np.asarray(values, "f8")
        if dtype.kind == "f" and kind != 0:
            values = values / 7
        if dtype.kind == "i" and dtype.itemsize > 1:
            values = values - top // 3
        elif dtype == "i1":
            values = values - 100
        return values.astype(dtype).reshape(shape)
    raw = np.frombuffer(rng.integers(0, 4, count * dtype.itemsize, "u1").tobytes(), "u1").copy()
    if dtype.kind == "S":
        raw += 65
    if dtype.names:
        return np.frombuffer(raw.tobytes(), dtype).reshape(shape)
    return raw.view(dtype).reshape(shape)


# ---------------------------------------------------------------- h5py


def memory_file(names=itertools.count()):
    return h5py.File(f"codec{next(names)}.h5", "w", driver="core", backing_store=False)


def create(file, name, stored, shape, chunk, options):
    """A dataset with this codec alone. `stored` is a type of h5py, or one of numpy, which may be a type and a shape."""
    if callable(options) and not isinstance(options, hdf5plugin._filters.FilterBase):
        dcpl = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        dcpl.set_chunk(chunk)
        options(dcpl)
        stored = stored if isinstance(stored, h5py.h5t.TypeID) else h5py.h5t.py_create(np.dtype(stored), logical=True)
        space = h5py.h5s.create_simple(shape)
        return h5py.Dataset(h5py.h5d.create(file.id, name.encode(), stored, space, dcpl))
    dtype = h5py.Datatype(stored) if isinstance(stored, h5py.h5t.TypeID) else np.dtype(stored)
    return file.create_dataset(name, shape=shape, dtype=dtype, chunks=chunk, **options)


def client_data(dataset):
    filters = dataset.id.get_create_plist()
    assert filters.get_nfilters() == 1
    return filters.get_filter(0)[2]


# ---------------------------------------------------------------- the C filters


class FilterClass(ctypes.Structure):
    _fields_ = [("version", ctypes.c_int), ("id", ctypes.c_int), ("encoder", ctypes.c_uint), ("decoder", ctypes.c_uint),
                ("name", ctypes.c_char_p), ("can_apply", ctypes.c_void_p), ("set_local", ctypes.c_void_p),
                ("filter", ctypes.c_void_p)]


FUNCTION = ctypes.CFUNCTYPE(ctypes.c_size_t, ctypes.c_uint, ctypes.c_size_t, ctypes.POINTER(ctypes.c_uint),
                            ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t), ctypes.POINTER(ctypes.c_void_p))
LIBHDF5 = ctypes.CDLL(glob.glob(os.path.join(os.path.dirname(h5py.__file__), "..", "h5py.libs", "libhdf5-*"))[0])
LIBHDF5.H5allocate_memory.restype = ctypes.c_void_p
LIBHDF5.H5allocate_memory.argtypes = [ctypes.c_size_t, ctypes.c_bool]
LIBHDF5.H5free_memory.argtypes = [ctypes.c_void_p]
BUILT_IN = {1: "H5Z_DEFLATE", 2: "H5Z_SHUFFLE", 3: "H5Z_FLETCHER32", 4: "H5Z_SZIP", 5: "H5Z_NBIT", 6: "H5Z_SCALEOFFSET"}
PLUGINS = {307: "bzip2", 32001: "blosc", 32004: "lz4", 32008: "bshuf", 32013: "zfp", 32015: "zstd", 32026: "blosc2"}
REVERSE = 0x100


class CFilter:
    """The function behind a filter id, called as libhdf5 calls it."""

    def __init__(self, filter_id):
        if filter_id == 32000:
            defs = [path for path in glob.glob(os.path.join(os.path.dirname(h5py.__file__), "*.so"))
                    if b"lzf_filter" in pathlib.Path(path).read_bytes()]
            pointer = next(filter(None, (getattr(ctypes.CDLL(path), "lzf_filter", None) for path in defs)))
            self.function = FUNCTION(ctypes.cast(pointer, ctypes.c_void_p).value)
            return
        if filter_id in BUILT_IN:
            found = FilterClass.in_dll(LIBHDF5, BUILT_IN[filter_id])
        else:
            plugin = ctypes.CDLL(hdf5plugin.get_config().registered_filters[PLUGINS[filter_id]])
            plugin.H5PLget_plugin_info.restype = ctypes.POINTER(FilterClass)
            found = plugin.H5PLget_plugin_info().contents
        self.function = FUNCTION(found.filter)

    def __call__(self, decode, client_data, payload):
        """Output and nanoseconds; None where the filter declines or fails."""
        words = (ctypes.c_uint * max(len(client_data), 1))(*client_data)
        buffer = ctypes.c_void_p(LIBHDF5.H5allocate_memory(max(len(payload), 1), False))
        ctypes.memmove(buffer, payload, len(payload))
        size = ctypes.c_size_t(len(payload))
        flags = REVERSE if decode else 0
        start = time.perf_counter_ns()
        length = self.function(flags, len(client_data), words, len(payload), ctypes.byref(size), ctypes.byref(buffer))
        nanos = time.perf_counter_ns() - start
        output = ctypes.string_at(buffer, length) if length else None
        LIBHDF5.H5free_memory(buffer)
        return output, nanos


# ---------------------------------------------------------------- ours


class Refused(Exception):
    """Our filter's error."""


class Ours:
    """The process of `hdf5-format/examples/codec.rs`."""

    def __init__(self, program="target/release/examples/codec"):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __call__(self, decode, filter_id, client_data, payload, limit=0):
        """Output and nanoseconds; None where the filter declines."""
        head = struct.pack("<cHHQQ", b"d" if decode else b"e", filter_id, len(client_data), limit, len(payload))
        words = struct.pack(f"<{len(client_data)}I", *client_data)
        self.process.stdin.write(head + words + payload)
        self.process.stdin.flush()
        status, nanos, length = struct.unpack("<BQQ", self.process.stdout.read(17))
        output = self.process.stdout.read(length)
        if status == 1:
            raise Refused(output.decode())
        return (None if status == 2 else output), nanos

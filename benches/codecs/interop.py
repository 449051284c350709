"""Random arrays through every codec in both directions, bit for bit.

    interop.py H5 [--count 200] [--seed 1] [CODEC ...]

1. h5py writes the arrays, `h5 cat` reads them: equal to what h5py reads back.
2. Our encoder makes each chunk (`cargo build --release -p hdf5-format --features all-filters --example codec`), h5py
   stores it as it is and reads it through the C filter: equal to the array, or for lossy filters to what our decoder
   makes of it.
"""
import argparse, io, itertools, os, subprocess, sys, tempfile

import h5py
import numpy as np

sys.path.insert(0, os.path.dirname(__file__))
import kit


def shapes(rng, dims):
    """A shape and a chunk shape; chunks often stick out of it, sometimes have one element."""
    rank = int(rng.integers(1, dims + 1))
    top = [9000, 120, 30, 12][rank - 1]
    shape = tuple(int(n) for n in rng.integers(1, top, rank))
    chunk = tuple(int(rng.integers(1, n + 1)) if rng.random() < 0.7 else n for n in shape)
    # Few chunks of a few bytes: at most 64 chunks.
    while np.prod([-(-n // c) for n, c in zip(shape, chunk)]) > 64:
        chunk = tuple(min(n, 2 * c) for n, c in zip(shape, chunk))
    return shape, chunk


def cases(codec, count, seed):
    rng = np.random.default_rng([seed, codec.filter_id])
    for index in range(count):
        dtype = codec.dtypes[int(rng.integers(0, len(codec.dtypes)))]
        shape, chunk = shapes(rng, codec.dims)
        base = np.dtype(dtype).base if isinstance(dtype, tuple) else np.dtype(dtype)
        whole = shape + (dtype[1] if isinstance(dtype, tuple) else ())
        values = kit.random_array(rng, base, whole)
        yield f"{index:03}", dtype, shape, chunk, values, codec.options(rng, dtype, chunk)


def theirs_read_by_us(codec, options, h5):
    """Number of arrays; exits on a difference."""
    with tempfile.TemporaryDirectory() as folder:
        path, skipped = f"{folder}/{codec.name}.h5", 0
        with h5py.File(path, "w") as file:
            for name, dtype, shape, chunk, values, how in cases(codec, options.count, options.seed):
                try:
                    dataset = kit.create(file, name, dtype, shape, chunk, how)
                    dataset[...] = values
                except (OSError, ValueError, RuntimeError, TypeError) as error:
                    # The C filter refuses the combination.
                    print(f"     {codec.name} {name}: {dtype} {chunk}: {error}") if options.verbose else None
                    skipped += 1
                    if name in file:
                        del file[name]
        wrong = []
        with h5py.File(path) as file:
            for name, dataset in file.items():
                found = subprocess.run([h5, "cat", "--format", "npy", path, f"/{name}"], capture_output=True)
                expected = dataset[...]
                if found.returncode:
                    wrong.append(f"{name} {dataset.dtype} {dataset.chunks}: {found.stderr.decode()[:300]}")
                elif np.load(io.BytesIO(found.stdout)).tobytes() != expected.tobytes():
                    wrong.append(f"{name} {dataset.dtype} {dataset.shape} {dataset.chunks}: other values")
            total = len(file)
        for text in wrong[:5]:
            print(f"     {codec.name} {text}")
        return total, skipped, wrong


def chunks(shape, chunk):
    return itertools.product(*(range(0, n, c) for n, c in zip(shape, chunk)))


def ours_read_by_them(codec, options, ours):
    done, wrong, skipped = 0, [], 0
    for name, dtype, shape, chunk, values, how in cases(codec, options.count, options.seed + 1):
        with kit.memory_file() as file:
            try:
                dataset = kit.create(file, "d", dtype, shape, chunk, how)
                words = kit.client_data(dataset)
                dataset[...] = values
            except (OSError, ValueError, RuntimeError, TypeError, AssertionError):
                skipped += 1
                continue
            expected = np.array(values)
            extra = (slice(None),) * (values.ndim - len(shape))
            for origin in chunks(shape, chunk):
                part = tuple(slice(o, min(o + c, n)) for o, c, n in zip(origin, chunk, shape))
                whole = np.zeros(chunk + values.shape[len(shape):], values.dtype)
                inner = tuple(slice(0, s.stop - s.start) for s in part)
                whole[inner + extra] = values[part + extra]
                plain = whole.tobytes()
                try:
                    stored, _ = ours(False, codec.filter_id, words, plain)
                    mask = int(stored is None)
                    if codec.lossy and stored is not None:
                        back, _ = ours(True, codec.filter_id, words, stored, len(plain))
                        back = np.frombuffer(back, values.dtype).reshape(whole.shape)
                        expected[part + extra] = back[inner + extra]
                except kit.Refused as error:
                    wrong.append(f"{name} {dtype} {chunk}: {error}")
                    break
                dataset.id.write_direct_chunk(origin, plain if stored is None else stored, mask)
            file.flush()
            dataset = None
            try:
                found = file["d"][...]
                if found.tobytes() != expected.tobytes():
                    wrong.append(f"{name} {dtype} {shape} {chunk} {list(words)}: other values")
            except OSError as error:
                wrong.append(f"{name} {dtype} {shape} {chunk} {list(words)}: {error}")
            done += 1
    for text in wrong[:5]:
        print(f"     {codec.name} {text}")
    return done, skipped, wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("h5")
    parser.add_argument("codecs", nargs="*", default=list(kit.CODECS))
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    ours, failed = kit.Ours(), []
    for codec in (kit.CODECS[name] for name in options.codecs or kit.CODECS):
        for what, (done, skipped, wrong) in (
            ("read by us", theirs_read_by_us(codec, options, options.h5)),
            ("read by them", ours_read_by_them(codec, options, ours)),
        ):
            good = not wrong and done > options.count / 2
            print(f"{'ok  ' if good else 'FAIL'} {codec.name} {what}: {done - len(wrong)} of {done}, {skipped} that the C filter refuses", flush=True)
            failed += [] if good else [codec.name]
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


main()

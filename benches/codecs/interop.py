"""Random arrays through every codec in both directions, bit for bit.

    interop.py H5 [--count 200] [--seed 1] [CODEC ...]

1. h5py writes the arrays, `h5 digest` reads them: equal to what h5py reads back, which is there once more, unfiltered.
2. Our encoder makes each chunk (`cargo build --release -p hdf5-format --features all-filters --example codec`), h5py
   stores it as it is and reads it through the C filter: equal to the array, or for lossy filters to what our decoder
   makes of it.
"""
import argparse, itertools, json, os, subprocess, sys, tempfile

import h5py
import numpy as np

sys.path.insert(0, os.path.dirname(__file__))
import kit


def shapes(rng, dims):
    """A shape and a chunk shape; chunks often stick out of it, sometimes have one element."""
    rank = int(rng.integers(1, dims + 1))
    top = [9000, 120, 30, 12, 8, 6, 5, 4][rank - 1]
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
        stored = codec.stored_type(rng, dtype)
        yield f"{index:03}", stored, shape, chunk, values, codec.options(rng, dtype, chunk)


def theirs_read_by_us(codec, options, h5):
    """Numbers of arrays and of those that the C filter refuses; what is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        path, skipped = f"{folder}/{codec.name}.h5", 0
        with h5py.File(path, "w") as file:
            for name, stored, shape, chunk, values, how in cases(codec, options.count, options.seed):
                try:
                    dataset = kit.create(file, name, stored, shape, chunk, how)
                    dataset[...] = values
                    # Past the chunk cache: what the C filter itself makes of the stored bytes.
                    dataset.id.close()
                    dataset = file[name]
                    kit.create(file, f"plain {name}", stored, shape, chunk, lambda _: None)[...] = dataset[...]
                except (OSError, ValueError, RuntimeError, TypeError) as error:
                    print(f"     {codec.name} {name}: {chunk}: {error}") if options.verbose else None
                    skipped += 1
                    if name in file:
                        del file[name]
        found = subprocess.run([h5, "digest", path], capture_output=True, check=True)
        objects, wrong = json.loads(found.stdout)["objects"], []
        names = [name for name in objects if name != "/" and not name.startswith("/plain ")]
        for name in names:
            found, expected = objects[name]["values"], objects[f"/plain {name[1:]}"]["values"]
            if found.get("sha256") is None or found != expected:
                wrong.append(f"{name} {objects[name]['filters']}: {found}, expected {expected}")
        for text in wrong[:5]:
            print(f"     {codec.name} {text}")
        return len(names), skipped, wrong


def chunks(shape, chunk):
    return itertools.product(*(range(0, n, c) for n, c in zip(shape, chunk)))


def ours_read_by_them(codec, options, ours):
    done, wrong, skipped = 0, [], 0
    for name, stored, shape, chunk, values, how in cases(codec, options.count, options.seed + 1):
        with kit.memory_file() as file:
            try:
                kit.create(file, "theirs", stored, shape, chunk, how)[...] = values
                # Nothing of the C filter is in this one, and it is opened anew for reading: libhdf5 keeps the filter
                # mask of a chunk that is replaced.
                dataset = kit.create(file, "d", stored, shape, chunk, how)
                words = kit.client_data(dataset)
            except (OSError, ValueError, RuntimeError, TypeError, AssertionError) as error:
                print(f"     {codec.name} {name}: {error}") if options.verbose else None
                skipped += 1
                continue
            plain = kit.create(file, "plain", stored, shape, chunk, lambda _: None)
            plain[...] = values
            file.flush()
            what = f"{name} {values.dtype} {shape} {chunk} {list(words)}"
            try:
                for origin in chunks(shape, chunk):
                    replace(codec, words, dataset.id, plain.id, origin, ours)
                dataset.id.close()
                if file["d"][...].tobytes() != plain[...].tobytes():
                    wrong.append(f"{what}: other values")
            except (OSError, kit.Refused) as error:
                wrong.append(f"{what}: {error}")
            done += 1
    for text in wrong[:5]:
        print(f"     {codec.name} {text}")
    return done, skipped, wrong


def replace(codec, words, dataset, plain, origin, ours):
    """Our encoding of a chunk takes the place of theirs; where it loses something, the plain chunk loses it too."""
    chunk = bytes(plain.read_direct_chunk(origin)[1])
    stored, _ = ours(False, codec.filter_id, words, chunk)
    dataset.write_direct_chunk(origin, chunk if stored is None else stored, int(stored is None))
    if codec.lossy and stored is not None:
        plain.write_direct_chunk(origin, ours(True, codec.filter_id, words, stored, len(chunk))[0])


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

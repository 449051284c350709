"""Encoding and decoding speed of every codec against the C filter, one thread, in the same run.

    throughput.py [--mib 64] [--rounds 3] [--json FILE] [CODEC ...]

Both sides get the same chunks of 1 MiB and time the filter's call alone, in turns; of each chunk the best of the rounds
counts. Each side decodes what the C filter encoded. A ratio is our throughput over that of the C filter; lines below the goal of
the codec say so and end the run with 1.
"""
import argparse, json, os, sys

import numpy as np

sys.path.insert(0, os.path.dirname(__file__))
import kit

CHUNK = 1 << 20


def sensor(count):
    """A slow wave in steps of a converter, as floats."""
    rng = np.random.default_rng(1)
    return np.round(2000 * np.sin(np.arange(count) / 5000) + rng.normal(size=count) * 3).astype("<f8")


def smooth(count):
    """A simulated field: every bit counts, neighbours are alike."""
    at = np.arange(count)
    return (np.sin(at / 3000) * np.cos(at / 170) + 1e-4 * np.random.default_rng(2).normal(size=count)).astype("<f8")


def counts(count):
    """Counts of a detector."""
    return np.random.default_rng(3).poisson(3 + 40 * (np.sin(np.arange(count) / 9000) > 0.99)).astype("<i4")


def image(count):
    """Pixels of a camera with 12 bits."""
    at = np.arange(count)
    return (1500 + 1000 * np.sin(at / 2000) + np.random.default_rng(4).normal(size=count) * 9).astype("<u2")


DATA = {"sensor f64": sensor, "field f64": smooth, "counts i32": counts, "image u16": image}
WHICH = {"zfp": ["field f64"], "scaleoffset": ["counts i32", "image u16"], "nbit": ["image u16", "counts i32"]}
WHICH |= {"szip": ["image u16", "counts i32", "field f64"]}


def nbit_options(dtype):
    """12 or 20 significant bits."""

    def setup(dcpl):
        dcpl.set_filter(5, 1, ())

    return setup


def words_of(codec, options, dtype):
    with kit.memory_file() as file:
        count = CHUNK // dtype.itemsize
        if codec.name == "nbit":
            return nbit_words(dtype, count)
        if codec.name == "scaleoffset":
            options = {"scaleoffset": 0}
        return list(kit.client_data(kit.create(file, "d", dtype, (count,), (count,), options)))


def nbit_words(dtype, count):
    """Client data of integers with 12 or 20 significant bits (File Format Specification, N-bit filter)."""
    return [8, 0, count, 1, dtype.itemsize, 0, {2: 12, 4: 20}[dtype.itemsize], 0]


def chunks(name, mib):
    test = DATA[name](8).dtype
    values = DATA[name](mib * CHUNK // test.itemsize)
    raw = values.tobytes()
    return test, [raw[at : at + CHUNK] for at in range(0, len(raw), CHUNK)]


def measure(codec, words, plain, rounds, c_filter, ours):
    stored = [c_filter(False, words, chunk)[0] for chunk in plain]
    if any(chunk is None for chunk in stored):
        return None
    best = {key: [1e99] * len(plain) for key in ("C enc", "C dec", "enc", "dec")}
    for _ in range(rounds):
        for index, (chunk, packed) in enumerate(zip(plain, stored)):
            calls = {"C enc": c_filter(False, words, chunk), "C dec": c_filter(True, words, packed)}
            calls["enc"] = ours(False, codec.filter_id, words, chunk)
            calls["dec"] = ours(True, codec.filter_id, words, packed, CHUNK)
            assert calls["dec"][0] == calls["C dec"][0], f"{codec.name}: other values"
            for key, (_, nanos) in calls.items():
                best[key][index] = min(best[key][index], nanos)
    size = sum(map(len, plain))
    speed = {key: size / sum(nanos) for key, nanos in best.items()}
    ratio = lambda packed: size / sum(map(len, packed))
    mine = [ours(False, codec.filter_id, words, chunk)[0] or chunk for chunk in plain[:8]]
    speed["C ratio"], speed["ratio"] = ratio(stored), sum(map(len, plain[:8])) / sum(map(len, mine))
    return speed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("codecs", nargs="*")
    parser.add_argument("--mib", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json")
    options = parser.parse_args()
    ours, slow, rows = kit.Ours(), [], []
    print("codec | data | C enc GB/s | enc | C dec | dec | enc ratio | dec ratio | C size | size")
    print("---|---|---|---|---|---|---|---|---|---", flush=True)
    for codec in (kit.CODECS[name] for name in options.codecs or kit.CODECS):
        c_filter = kit.CFilter(codec.filter_id)
        for data in WHICH.get(codec.name, ["sensor f64", "counts i32"]):
            dtype, plain = chunks(data, options.mib)
            for label, how in (codec.bench or {"": None}).items():
                few = plain[: max(len(plain) // 4, 1)] if codec.name in ("bzip2",) else plain
                speed = measure(codec, words_of(codec, how, dtype), few, options.rounds, c_filter, ours)
                name = f"{codec.name} {label}".strip()
                if speed is None:
                    print(f"{name} | {data} | the C filter declines")
                    continue
                enc, dec = speed["enc"] / speed["C enc"], speed["dec"] / speed["C dec"]
                short = [f"{what} below {codec.least}" for what, x in (("enc", enc), ("dec", dec)) if x < codec.least]
                figures = [speed[key] for key in ("C enc", "enc", "C dec", "dec")]
                print(f"{name} | {data} | " + " | ".join(f"{x:.3f}" for x in figures)
                      + f" | {enc:.2f} | {dec:.2f} | {speed['C ratio']:.2f} | {speed['ratio']:.2f}"
                      + "".join(f" ({text})" for text in short), flush=True)
                slow += [f"{name} ({data}): {text}" for text in short]
                rows.append({"codec": name, "data": data, "enc": enc, "dec": dec, **speed})
    if options.json:
        json.dump(rows, open(options.json, "w"), indent=1)
    sys.exit("\n".join(["slower than the goal:", *slow]) if slow else 0)


main()

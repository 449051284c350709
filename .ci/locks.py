"""Locks: what h5py has open is refused, and what we have open h5py refuses; HDF5_USE_FILE_LOCKING is honoured.

    locks.py APPEND H5

APPEND is the example of that name of the tests.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

import h5py

append, h5 = sys.argv[1:]
failed = 0


def expect(what, good):
    global failed
    failed += not good
    print(f"{'ok  ' if good else 'FAIL'} {what}")


def run(*command, **environment):
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})


def refused(done):
    return done.returncode != 0 and "open" in done.stderr and "elsewhere" in done.stderr


def h5py_opens(path, mode, **options):
    try:
        h5py.File(path, mode, **options).close()
        return True
    except OSError:
        return False


os.environ.pop("HDF5_USE_FILE_LOCKING", None)
with tempfile.TemporaryDirectory() as folder:
    for name in ("old.h5", "new.h5"):
        path = pathlib.Path(folder) / name
        subprocess.run([append, "run", path, "2"], check=True, stdout=subprocess.DEVNULL)

        with h5py.File(path, "r+", libver="v110" if name == "new.h5" else "earliest"):
            expect(f"{name}: h5py writes, our writer is refused", refused(run(append, "run", path, "1")))
            expect(f"{name}: h5py writes, our reader is refused", refused(run(h5, "tree", path)))
            without = run(h5, "tree", path, HDF5_USE_FILE_LOCKING="FALSE")
            expect(f"{name}: h5py writes, our reader without locks is not", without.returncode == 0)
        with h5py.File(path, "r"):
            expect(f"{name}: h5py reads, our writer is refused", refused(run(append, "run", path, "1")))
            expect(f"{name}: h5py reads, our reader is not", run(h5, "tree", path).returncode == 0)
            without = run(append, "run", path, "1", HDF5_USE_FILE_LOCKING="FALSE")
            expect(f"{name}: h5py reads, our writer without locks is not", without.returncode == 0)
        expect(f"{name}: nobody has it open", run(append, "run", path, "1", HDF5_USE_FILE_LOCKING="TRUE").returncode == 0)

        ours = subprocess.Popen([append, "run", path], stdout=subprocess.PIPE)
        ours.stdout.readline()
        expect(f"{name}: we write, h5py's writer is refused", not h5py_opens(path, "r+"))
        expect(f"{name}: we write, h5py's reader is refused", not h5py_opens(path, "r"))
        expect(f"{name}: we write, our writer is refused", refused(run(append, "run", path, "1")))
        expect(f"{name}: we write, our reader is refused", refused(run(append, "check", path)))
        ours.kill()
        ours.wait()
        ours.stdout.close()
        expect(f"{name}: a lock ends with its program", run(append, "check", path).returncode == 0)
sys.exit(failed > 0)

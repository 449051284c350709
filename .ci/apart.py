"""Work in processes of their own: libhdf5 may bring them down, and keeps things of one file that it stumbles over in the next."""

import os
import pickle
import resource
import signal

# The oracle makes some 60 bytes of each element it looks at. Seeds that grow datasets reach 125 million (chunks 1231), which
# are 35 seconds of work on a machine that does nothing else.
SECONDS = 300
MEMORY = 12 << 30


class Failed(Exception):
    """The work failed, or its process died."""


def apart(work, *given):
    """What `work` gives."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            signal.alarm(SECONDS)
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            try:
                answer = (None, work(*given))
            except BaseException as error:  # SystemExit too: the tools end with it
                answer = (f"{type(error).__name__}: {error}", None)
            with os.fdopen(writer, "wb") as out:
                pickle.dump(answer, out)
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as out:
        data = out.read()
    _, status = os.waitpid(child, 0)
    error, answer = pickle.loads(data) if data else (f"the process ended with {os.waitstatus_to_exitcode(status)}", None)
    if error:
        raise Failed(error)
    return answer

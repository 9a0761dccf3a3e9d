"""Processes that the benchmark starts: pinned to cores, ended with it, and looked at through /proc."""

import ctypes
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None)
started = []


def die_with_parent():
    """Called in a child: it ends when the benchmark does, even when that was killed."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Process:
    """A child with its standard output appended to a file. Ended by stop(), or when the benchmark dies."""

    def __init__(self, command, cores, output, errors):
        def prepare():
            os.sched_setaffinity(0, cores)
            die_with_parent()

        self.errors = Path(errors)
        with open(output, "ab") as out, open(errors, "ab") as err:
            self.child = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                preexec_fn=prepare,
                start_new_session=True,  # ^C is for the benchmark, which then stops its children in order
            )
        started.append(self)

    def pids(self):
        """The child and all that descend from it."""
        found = [self.child.pid]
        for pid in found:
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                found += [int(child) for child in children.read_text().split()]
        return found

    def user_memory(self):
        """Bytes that are this proxy's own: its heaps and stacks, shared pages in parts, no page of a file."""
        total = 0
        for pid in self.pids():
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith(("Pss_Anon:", "Pss_Shmem:")):
                    total += int(line.split()[1]) * 1024
        return total

    def wait_for_port(self, port, seconds=20):
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            if self.child.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.02)
        self.stop()
        said = self.errors.read_text(errors="replace").strip().splitlines()
        raise RuntimeError(said[-1] if said else f"did not open port {port}")

    def stop(self, seconds=3):
        """SIGTERM, and SIGKILL to whatever of it is left after that time."""
        if self in started:
            started.remove(self)
        if self.child.poll() is not None:
            return
        pids = self.pids()
        self.child.terminate()
        try:
            self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            self.child.wait()


def stop_all():
    for process in list(started):
        process.stop()

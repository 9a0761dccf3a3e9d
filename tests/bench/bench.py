"""What all rows share: cores, certificate, backend, notes, and starting a proxy with a check of its work."""

import atexit
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import proxies
from measure import Run
from process import Process, die_with_parent

REPO = Path(__file__).resolve().parents[2]
LOADGEN = REPO / "build/release/tests/loadgen"
BACKEND = REPO / "build/release/tests/bench_backend"
WAITER = REPO / "build/release/tests/bench_waiter"
FORGED = "192.0.2.1"


class Bench:
    def __init__(self):
        base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.folder = Path(tempfile.mkdtemp(prefix="portico-bench-", dir=base))
        atexit.register(shutil.rmtree, self.folder, ignore_errors=True)
        self.notes = []
        self.failed = False
        self.site_count = 0
        cores = sorted(os.sched_getaffinity(0))
        self.proxy_core, self.load_core = cores[0], cores[1 % len(cores)]
        if len(cores) == 1:
            self.note("one core only: proxy and load generator share it")
        self.cert, self.key = self.folder / "cert.pem", self.folder / "key.pem"
        self.make_certificate()
        self.backends = self.start_backend()
        self.grpc_message = self.folder / "message"
        self.grpc_message.write_bytes(bytes([0, 0, 0, 0, 123]) + b"x" * 123)

    def note(self, text):
        if text not in self.notes:
            self.notes.append(text)

    def fail(self, text):
        self.failed = True
        self.note(text)

    def make_certificate(self):
        """P-256, trusted by the load generator as it is."""
        command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2".split()
        command += ["-subj", f"/CN={proxies.HOST}", "-addext", f"subjectAltName=DNS:{proxies.HOST}"]
        subprocess.run([*command, "-keyout", self.key, "-out", self.cert], check=True, capture_output=True)

    def start_backend(self):
        """@return {"http": address, "raw": address}"""
        output = self.folder / "backend"
        backend = Process([BACKEND], {self.load_core}, output, self.folder / "backend-errors")
        while "raw=" not in output.read_text():
            if backend.child.poll() is not None:
                raise SystemExit(f"bench: {BACKEND} ended")
            time.sleep(0.01)
        return {kind: f"127.0.0.1:{port}" for kind, port in re.findall(r"(\w+)=(\d+)", output.read_text())}

    def grpc_backend(self):
        """nghttpd, which answers with a message of 128 bytes and grpc-status behind it. @return its address"""
        if "grpc" not in self.backends:
            port, root = free_port(), self.folder / "grpc"
            root.mkdir()
            (root / "128").write_bytes(self.grpc_message.read_bytes())
            options = ["--no-tls", "-a", "127.0.0.1", "-d", root, "--trailer", "grpc-status: 0", "-m", 1000, port]
            output, errors = self.folder / "nghttpd", self.folder / "nghttpd-errors"
            backend = Process(["nghttpd", *options], {self.load_core}, output, errors)
            backend.wait_for_port(port)
            self.backends["grpc"] = f"127.0.0.1:{port}"
        return self.backends["grpc"]

    def site(self, proxy, setup):
        """A port, and a folder for configuration and log."""
        self.site_count += 1
        folder = self.folder / f"{proxy.name}-{self.site_count}"
        folder.mkdir()
        backend = self.grpc_backend() if setup.grpc else self.backends["raw" if setup.kind == "tcp" else "http"]
        return proxies.Site(free_port(), backend, self.cert, self.key, folder)

    def start(self, proxy, row):
        """@return a Run; None when the proxy is not here or not of this row, or, with a note, does not start"""
        if not proxy or not proxy.serves(row.setup):
            return None
        site = self.site(proxy, row.setup)
        command = proxy.command(row.setup, site)
        cores = {self.proxy_core} if row.cores == 1 else {self.proxy_core, self.load_core}
        process = Process(command, cores, site.folder / proxy.output, site.folder / "stderr")
        try:
            process.wait_for_port(site.port)
            if row.setup.kind == "http" and not row.setup.grpc:
                self.check_fields(proxy, row.setup, site)
        except (RuntimeError, OSError) as error:
            process.stop()
            self.fail(f"{proxy.name}, {row.name}: {error}")
            return None
        return Run(row, proxy.name, process, site)

    def check_fields(self, proxy, setup, site):
        """The same work is on in all: each field reaches the backend once, what the client forged does not."""
        host = proxies.host_names(setup)[0] if setup.hosts else proxies.HOST
        head = f"GET /echo HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-For: {FORGED}\r\nConnection: close\r\n\r\n"
        with socket.create_connection(("127.0.0.1", site.port), timeout=5) as sock:
            if setup.tls:
                sock = ssl.create_default_context(cafile=self.cert).wrap_socket(sock, server_hostname=host)
            sock.sendall(head.encode())
            echo = sock.makefile("rb").read().decode().partition("\r\n\r\n")[2]
        for field in proxy.fields:
            if len(re.findall(rf"^{field}:", echo, re.I | re.M)) != 1:
                self.fail(f"{proxy.name} does not set {field} as the others do")
        if FORGED in echo and not proxy.is_forgeable:
            self.fail(f"{proxy.name} lets a forged X-Forwarded-For through")

    def load_command(self, row, site, *more):
        tls = ["--tls", self.cert] if row.setup.tls else []
        parts = [LOADGEN, "--port", site.port, "--connections", row.connections, *row.load, *tls, *more]
        return [str(part) for part in parts]

    def pin_load(self):
        os.sched_setaffinity(0, {self.load_core})
        die_with_parent()

    def load(self, row, site, *more):
        command = self.load_command(row, site, *more)
        return subprocess.run(command, capture_output=True, text=True, preexec_fn=self.pin_load)

    def hold(self, row, site):
        """Connections that stay as long as the input of this process is open; it says when all are there."""
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        command = self.load_command(row, site)
        if row.setup.h2:
            command = [sys.executable, Path(__file__).with_name("h2.py"), site.port, self.cert, row.connections]
            command = [str(part) for part in command]
        return subprocess.Popen(command, text=True, preexec_fn=self.pin_load, **pipes)

    def wait(self, row, site):
        """A client that asks all the time: for each line that it is sent it says how long it waited at most."""
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        command = [WAITER, str(site.port), proxies.host_names(row.setup)[0], str(row.connections)]
        return subprocess.Popen(command, text=True, preexec_fn=self.pin_load, **pipes)


def free_port(given=set()):
    """Below the ports that the system gives to outgoing connections, so that it stays free until used."""
    for port in range(20000 + os.getpid() % 5000, 32000):
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                if port not in given:
                    sock.bind(("0.0.0.0", port))
                    given.add(port)
                    return port
            except OSError:
                pass
    raise SystemExit("bench: no free port")

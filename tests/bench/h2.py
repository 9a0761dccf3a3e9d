"""HTTP/2 in front: h2load makes the load, and connections of our own are held. What the rows of HTTP/1.1 have in loadgen."""

import re
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import proxies

STREAMS = 10  # at once, on each connection
WARM_REQUESTS = 2000
BOUND_SECONDS = 60


def cpu_ns(pids):
    """User and system time of all threads, as loadgen counts it."""
    total = 0
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            total += int(task.read_text().split()[0])
    return total


def option(row, name, otherwise=None):
    return row.load[row.load.index(name) + 1] if name in row.load else otherwise


def command(bench, row, site, *length):
    body = option(row, "--body", 128)
    parts = ["h2load", *length, "-c", row.connections, "-m", STREAMS, "--connect-to", f"127.0.0.1:{site.port}"]
    if row.setup.grpc:
        parts += ["-d", bench.grpc_message, "-H", "content-type: application/grpc", "-H", "te: trailers"]
    return [str(part) for part in [*parts, f"https://{proxies.HOST}:{site.port}/{body}"]]


def ask(bench, row, site, requests):
    """@return bytes of content that came; each request was answered with 200"""
    done = subprocess.run(
        command(bench, row, site, "-n", requests), capture_output=True, text=True, preexec_fn=bench.pin_load, timeout=BOUND_SECONDS
    )
    if f"{requests} succeeded, 0 failed, 0 errored, 0 timeout" not in done.stdout or f"{requests} 2xx" not in done.stdout:
        said = re.findall(r"^requests:.*$", done.stdout, re.M) or done.stderr.strip().splitlines()
        raise RuntimeError(said[-1] if said else f"h2load ended with {done.returncode}")
    content = int(re.search(r"\((\d+)\) data", done.stdout)[1])
    if content != requests * option(row, "--body", 128):
        raise RuntimeError(f"{content} bytes of content to {requests} requests")
    return content


def take_turn(bench, run, seconds):
    """@return {answers, bytes, cpu_ns, elapsed_ns} of about that many seconds. h2load counts a number of requests and no
    time, so the first of them say how many fit; handshakes are in the figure, a connection one."""
    warm = WARM_REQUESTS if option(run.row, "--body", 128) < 65536 else 100
    pids = run.process.pids()
    begin = time.monotonic()
    ask(bench, run.row, run.site, warm)
    requests = max(warm, int(warm / (time.monotonic() - begin) * seconds))
    before, begin = cpu_ns(pids), time.monotonic_ns()
    content = ask(bench, run.row, run.site, requests)
    elapsed = time.monotonic_ns() - begin
    return {"answers": requests, "bytes": content, "cpu_ns": cpu_ns(pids) - before, "elapsed_ns": elapsed, "warm": warm}


# ---- connections that are held ----


AUTHORITY, PATH, ENCODING, ACCEPT, AGENT = 1, 4, 16, 19, 58  # names of the static table (RFC 7541, appendix A)


def field(name, value, kind=0x40):
    """With incremental indexing, so that the proxy's table is in use; kind 0: without."""
    most = 63 if kind else 15
    first = bytes([kind | name]) if name < most else bytes([kind | most, name - most])
    return first + bytes([len(value)]) + value.encode()


def request_head(authority):
    """As nghttp and curl send theirs: GET and https are of the static table, paths are not indexed."""
    head = b"\x82\x87" + field(PATH, "/128", 0) + field(AUTHORITY, authority)
    return head + field(AGENT, "nghttp2/1.52.0") + field(ACCEPT, "*/*") + field(ENCODING, "gzip, deflate")


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def await_answer(sock):
    """Until END_STREAM of stream 1."""
    held = b""
    while True:
        part = sock.recv(65536)
        if not part:
            raise SystemExit("a connection ended")
        held += part
        while len(held) >= 9 and len(held) >= 9 + int.from_bytes(held[:3], "big"):
            length, kind, flags = int.from_bytes(held[:3], "big"), held[3], held[4]
            held = held[9 + length :]
            if kind in (0, 1) and flags & 1:
                return


def hold_one(context, port):
    sock = context.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname=proxies.HOST)
    if sock.selected_alpn_protocol() != "h2":
        raise SystemExit("h2 was not agreed")
    settings = frame(4, 0, 0) + frame(4, 1, 0)
    sock.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings + frame(1, 5, 1, request_head(f"{proxies.HOST}:{port}")))
    await_answer(sock)
    return sock


def hold(port, certificate, connections):
    """One request on each, then all stay until the input ends; says when all are there."""
    context = ssl.create_default_context(cafile=certificate)
    context.set_alpn_protocols(["h2"])
    socks = [hold_one(context, port) for _ in range(connections)]
    print(len(socks), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    hold(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))

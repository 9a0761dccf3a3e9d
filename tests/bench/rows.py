"""The rows of the table: what each one asks of the proxies and how its figure is counted."""

from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True)
class Setup:
    """What the three proxies are configured to do. Rows with equal setups still get proxies of their own."""

    kind: str = "http"  # or tcp
    tls: bool = False
    tuned: bool = False  # nginx and HAProxy with 64 KiB buffers and no buffering, not with their defaults
    hosts: int = 0  # that many names, h00000.bench.test and so on, each with a route; 0: any name


@dataclass(frozen=True)
class Row:
    name: str
    title: str
    setup: Setup
    load: tuple = ()  # options of loadgen
    per: str = "request"  # CPU per request or GiB; memory per connection; time per check
    connections: int = 64


TLS_TUNED = Setup(tls=True, tuned=True)

ROWS = (
    Row("keepalive", "HTTP keep-alive, 128 B", Setup()),
    Row("connection", "HTTP, a connection a request", Setup(), ("--close",)),
    Row("get-1m", "GET 1 MiB, peers' defaults", Setup(), ("--body", MIB), "GiB"),
    Row("get-1m-tuned", "GET 1 MiB, peers tuned", Setup(tuned=True), ("--body", MIB), "GiB"),
    Row("post-1m", "POST 1 MiB, peers' defaults", Setup(), ("--post", "--body", MIB), "GiB"),
    Row("post-1m-tuned", "POST 1 MiB, peers tuned", Setup(tuned=True), ("--post", "--body", MIB), "GiB"),
    Row("tls-keepalive", "TLS 1.3 keep-alive, 128 B", Setup(tls=True)),
    Row("tls-handshake", "TLS handshake + request + close", Setup(tls=True), ("--close",)),
    Row("tls-get-1m", "TLS GET 1 MiB, peers' defaults", Setup(tls=True), ("--body", MIB), "GiB"),
    Row("tls-get-1m-tuned", "TLS GET 1 MiB, peers tuned", TLS_TUNED, ("--body", MIB), "GiB"),
    Row("tcp-1m", "raw TCP 1 MiB, peers tuned", Setup("tcp", tuned=True), ("--raw", "--body", MIB), "GiB"),
    Row("tcp-connection", "raw TCP, a connection a transfer", Setup("tcp"), ("--raw", "--close")),
    Row("hosts-10", "keep-alive, 10 host names", Setup(hosts=10), ("--hosts", 10)),
    Row("hosts-10000", "keep-alive, 10,000 host names", Setup(hosts=10_000), ("--hosts", 10_000)),
    Row("idle", "idle keep-alive connection", Setup(), ("--hold",), "connection", 5000),
    Row("idle-tls", "idle TLS connection", Setup(tls=True), ("--hold",), "connection", 2000),
    Row("check-100k", "`portico check`, 100,000 hosts", Setup(hosts=100_000), (), "check"),
)

# Measured in the same interleaved rounds, so that their quotient means something.
TOGETHER = ("hosts-10", "hosts-10000")


def select(prefixes):
    """The rows whose names begin with one of the prefixes; all when there are none."""
    unknown = [p for p in prefixes if not any(row.name.startswith(p) for row in ROWS)]
    if unknown:
        raise SystemExit(f"bench: no row {unknown[0]}; there are {' '.join(row.name for row in ROWS)}")
    return [row for row in ROWS if not prefixes or any(row.name.startswith(p) for p in prefixes)]


def groups(rows):
    """Lists of rows, each list to be measured in the same rounds."""
    together = [row for row in rows if row.name in TOGETHER]
    for row in rows:
        if row not in together:
            yield [row]
        elif row is together[0]:
            yield together

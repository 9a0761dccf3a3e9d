"""The rows of the table: what each one asks of the proxies and how its figure is counted."""

from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True)
class Setup:
    """What the proxies are configured to do. Rows with equal setups still get proxies of their own."""

    kind: str = "http"  # or tcp
    tls: bool = False
    h2: bool = False  # clients speak HTTP/2, over TLS
    grpc: bool = False  # … and so do backends, in clear
    tuned: bool = False  # nginx and HAProxy with 64 KiB buffers and no buffering, not with their defaults
    servers: int = 0  # a pool of that many; 0: one target, written alone
    checked: bool = False  # servers are checked once a second, and what requests meet counts
    hosts: int = 0  # that many names, h00000.bench.test and so on, each with a route; 0: any name


@dataclass(frozen=True)
class Row:
    name: str
    title: str
    setup: Setup
    load: tuple = ()  # options of loadgen
    per: str = "request"  # CPU per request or GiB; memory per connection; time per check or reload
    connections: int = 64
    against: str = ""  # another row, measured in the same rounds, so that the difference means something
    rise: str = ""  # what that difference is called
    cores: int = 1  # that Portico may use, where it reloads


TLS_TUNED = Setup(tls=True, tuned=True)
POOL, POOL_1000 = Setup(servers=4, checked=True), Setup(servers=1000)
H2 = Setup(tls=True, h2=True)
GRPC = Setup(tls=True, h2=True, grpc=True)
HOSTS, NAMES = Setup(hosts=10_000), "  10 → 10,000 names"

ROWS = (
    Row("keepalive", "HTTP keep-alive, 128 B", Setup()),
    Row("pool", "keep-alive, pool of 4, checked", POOL, against="keepalive", rise="  one target → pool of 4"),
    Row("pool-1000", "keep-alive, pool of 1,000", POOL_1000, against="keepalive", rise="  one target → 1,000"),
    Row("connection", "HTTP, a connection a request", Setup(), ("--close",)),
    Row("get-1m", "GET 1 MiB, peers' defaults", Setup(), ("--body", MIB), "GiB"),
    Row("get-1m-tuned", "GET 1 MiB, peers tuned", Setup(tuned=True), ("--body", MIB), "GiB"),
    Row("post-1m", "POST 1 MiB, peers' defaults", Setup(), ("--post", "--body", MIB), "GiB"),
    Row("post-1m-tuned", "POST 1 MiB, peers tuned", Setup(tuned=True), ("--post", "--body", MIB), "GiB"),
    Row("tls-keepalive", "TLS 1.3 keep-alive, 128 B", Setup(tls=True)),
    Row("tls-handshake", "TLS handshake + request + close", Setup(tls=True), ("--close",)),
    Row("tls-get-1m", "TLS GET 1 MiB, peers' defaults", Setup(tls=True), ("--body", MIB), "GiB"),
    Row("tls-get-1m-tuned", "TLS GET 1 MiB, peers tuned", TLS_TUNED, ("--body", MIB), "GiB"),
    Row("h2-keepalive", "h2 TLS, 10 streams, 128 B", H2, ("--body", 128), connections=10),
    Row("h2-get-1m", "h2 TLS GET 1 MiB, defaults", H2, ("--body", MIB), "GiB", 10),
    Row("h2-grpc", "gRPC unary, h2 TLS to h2c", GRPC, ("--post", "--body", 128), connections=10),
    Row("tcp-1m", "raw TCP 1 MiB, peers tuned", Setup("tcp", tuned=True), ("--raw", "--body", MIB), "GiB"),
    Row("tcp-connection", "raw TCP, a connection a transfer", Setup("tcp"), ("--raw", "--close")),
    Row("hosts-10", "keep-alive, 10 host names", Setup(hosts=10), ("--hosts", 10)),
    Row("hosts-10000", "keep-alive, 10,000 host names", HOSTS, ("--hosts", 10_000), against="hosts-10", rise=NAMES),
    Row("idle", "idle keep-alive connection", Setup(), ("--hold",), "connection", 5000),
    Row("idle-tls", "idle TLS connection", Setup(tls=True), ("--hold",), "connection", 2000),
    Row("idle-h2", "idle h2 TLS connection", H2, ("--hold",), "connection", 2000),
    Row("reload-100k", "reload of 100,000 routes, 2 cores", Setup(hosts=100_000), (), "reload", cores=2),
    Row("reload-100k-1", "reload of 100,000 routes, 1 core", Setup(hosts=100_000), (), "reload"),
    Row("check-100k", "`portico check`, 100,000 hosts", Setup(hosts=100_000), (), "check"),
)


def select(prefixes):
    """The rows whose names begin with one of the prefixes; all when there are none."""
    unknown = [p for p in prefixes if not any(row.name.startswith(p) for row in ROWS)]
    if unknown:
        raise SystemExit(f"bench: no row {unknown[0]}; there are {' '.join(row.name for row in ROWS)}")
    return [row for row in ROWS if not prefixes or any(row.name.startswith(p) for p in prefixes)]


def groups(chosen):
    """Lists of rows, each list to be measured in the same rounds. The first is what the others are measured against,
    chosen or not."""
    for row in ROWS:
        others = [other for other in chosen if other.against == row.name]
        if others or (row in chosen and not row.against):
            yield [row, *others]

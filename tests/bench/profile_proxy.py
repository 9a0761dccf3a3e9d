"""Where one proxy's time goes on one row: perf where it works, valgrind's callgrind otherwise."""

import shutil
import subprocess

import h2
from process import Process

LINES = 70


def perf_works():
    probe = ["perf", "record", "-e", "cpu-clock", "-o", "/dev/null", "--", "true"]
    return shutil.which("perf") and subprocess.run(probe, capture_output=True).returncode == 0


def print_head(text):
    kept = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    print("\n".join(kept[:LINES]))


def load_command(bench, row, site, seconds):
    if row.setup.h2:
        return h2.command(bench, row, site, "--duration", seconds)
    return bench.load_command(row, site, "--seconds", seconds)


def with_perf(bench, row, proxy, options):
    run = bench.start(proxy, row)
    if not run:
        return
    data = bench.folder / "perf.data"
    pids = ",".join(map(str, run.process.pids()))
    record = ["perf", "record", "-e", "cpu-clock", "-F", "4999", "-g", "-o", data, "-p", pids, "--"]
    load = load_command(bench, row, run.site, options.seconds)
    subprocess.run([*record, *load], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=bench.pin_load)
    run.process.stop()
    report = ["perf", "report", "-i", data, "--stdio", "--no-children", "-g", "none"]
    print_head(subprocess.run(report, capture_output=True, text=True).stdout)


def with_callgrind(bench, row, proxy, options):
    site = bench.site(proxy, row.setup)
    data = site.folder / "callgrind.out"
    valgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={data}"]
    command = [*valgrind, *proxy.command(row.setup, site)]
    process = Process(command, {bench.proxy_core}, site.folder / proxy.output, site.folder / "stderr")
    process.wait_for_port(site.port, seconds=60)
    load = load_command(bench, row, site, options.seconds)
    print(subprocess.run(load, capture_output=True, text=True, preexec_fn=bench.pin_load).stdout)
    process.stop(seconds=20)
    print_head(subprocess.run(["callgrind_annotate", data], capture_output=True, text=True).stdout)


def run(bench, row, peers, options):
    proxy = {name.lower(): each for name, each in peers.items()}.get(options.profile.lower())
    if not proxy:
        raise SystemExit(f"bench: {options.profile} is not here")
    if row.per in ("connection", "check"):
        raise SystemExit(f"bench: {row.name} is not a row to profile")
    if perf_works():
        with_perf(bench, row, proxy, options)
    elif shutil.which("valgrind"):
        with_callgrind(bench, row, proxy, options)
    else:
        raise SystemExit("bench: neither perf nor valgrind is here")

"""Instructions a request, by valgrind's callgrind: what a busy machine does not change. The kernel's are not in it."""

import re
import shutil

import h2
from process import Process

REQUESTS = 5_000


def ask(bench, row, site, requests):
    if row.setup.h2:
        h2.ask(bench, row, site, requests)
        return
    done = bench.load(row, site, "--requests", requests)
    if done.returncode:
        raise SystemExit(f"bench: {row.name}: {done.stderr.strip()}")


def events(bench, row, proxy, requests, cached):
    """@return {number of a thread: {event: count}} of a whole run"""
    site = bench.site(proxy, row.setup)
    data = site.folder / "callgrind.out"
    valgrind = ["valgrind", "--tool=callgrind", "--separate-threads=yes", f"--callgrind-out-file={data}"]
    valgrind += ["--cache-sim=yes"] if cached else []
    command = [*valgrind, *proxy.command(row.setup, site)]
    process = Process(command, {bench.proxy_core}, site.folder / proxy.output, site.folder / "stderr")
    process.wait_for_port(site.port, seconds=60)
    try:
        ask(bench, row, site, requests)
    finally:
        process.stop(seconds=20)
    threads = {}
    for part in site.folder.glob("callgrind.out-*"):
        text = part.read_text()
        names = re.search(r"^events: (.*)", text, re.M)[1].split()
        totals = re.search(r"^(?:totals|summary): (.*)", text, re.M)[1].split()
        threads[part.name] = dict(zip(names, map(int, totals)))
    return threads


def a_request(bench, row, proxy, cached):
    """The difference between two runs, so that start and stop drop out; of the busiest thread, which is the worker:
    checks of a pool's servers cost by time, not by request."""
    once = events(bench, row, proxy, REQUESTS, cached)
    twice = events(bench, row, proxy, 2 * REQUESTS, cached)
    worker = max(twice, key=lambda name: twice[name]["Ir"])
    return {event: (count - once[worker][event]) / REQUESTS for event, count in twice[worker].items()}


def run(bench, chosen, peers, options):
    if not shutil.which("valgrind") or not peers["Portico"]:
        raise SystemExit("bench: counting needs valgrind and Portico")
    for row in chosen:
        if row.per != "request" or row.setup.kind != "http":
            continue
        figures = a_request(bench, row, peers["Portico"], options.cache)
        print(f"{row.title:33}", *(f"{event} {figure:.1f}  " for event, figure in figures.items()), flush=True)

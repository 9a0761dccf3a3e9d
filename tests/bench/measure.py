"""The four ways to get a figure: CPU under load, memory of idle connections, time of a check and of a reload."""

import re
import statistics
import subprocess
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace

import h2
import rows
from process import Process
from proxies import Site

MEMORY_ROUNDS = 3
REST_SECONDS = 1.5  # for what a proxy does with a connection that has been idle for a while
CHECK_SECONDS = 60
QUIET_SECONDS = 1


@dataclass
class Figure:
    """What one proxy came to on one row: a number a round."""

    values: list = field(default_factory=list)
    rates: list = field(default_factory=list)  # requests or GiB a second
    answers: int = 0

    @property
    def median(self):
        return statistics.median(self.values)

    @property
    def spread(self):
        return (max(self.values) - min(self.values)) / self.median if self.median else 0


@dataclass
class Run:
    """One proxy, up and configured for one row."""

    row: rows.Row
    name: str
    process: Process
    site: Site
    figure: Figure = field(default_factory=Figure)
    failed: bool = False


def load_turn(bench, run, seconds):
    pids = ",".join(map(str, run.process.pids()))
    done = bench.load(run.row, run.site, "--pids", pids, "--seconds", seconds)
    if done.returncode:
        raise RuntimeError(done.stderr.strip() or f"loadgen ended with {done.returncode}")
    return {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", done.stdout)}


def take_turn(bench, run, seconds):
    """Adds a round to the figure: microseconds of CPU a request, or seconds a GiB."""
    result = h2.take_turn(bench, run, seconds) if run.row.setup.h2 else load_turn(bench, run, seconds)
    in_gib = run.row.per == "GiB"
    amount = result["bytes"] / 2**30 if in_gib else result["answers"]
    if not amount:
        raise RuntimeError("no answer within the turn")
    run.figure.values.append(result["cpu_ns"] / (1e9 if in_gib else 1e3) / amount)
    run.figure.rates.append(amount / (result["elapsed_ns"] / 1e9))
    run.figure.answers += result["answers"]


def check_log(bench, run):
    """A proxy that loses log lines has less work than the others."""
    if run.row.setup.kind != "http" or run.failed:
        return
    lines = 0
    with open(run.site.folder / "access.log", "rb") as log:
        while block := log.read(1 << 20):
            lines += block.count(b"\n")
    if lines < run.figure.answers:
        bench.note(f"{run.name} logged {lines / run.figure.answers:.0%} of its requests on {run.row.name}")


def under_load(bench, group, peers, rounds, seconds):
    """Rows of one group, all proxies up at once and taking turns. @return {row: {proxy's name: Figure}}"""
    started = [bench.start(proxy, row) for row in group for proxy in peers.values()]
    runs = [run for run in started if run]
    for turn in range(rounds):
        first = turn % (len(runs) or 1)
        for run in runs[first:] + runs[:first]:
            if run.failed:
                continue
            try:
                take_turn(bench, run, seconds)
            except RuntimeError as error:
                run.failed = True
                bench.fail(f"{run.name}, {run.row.name}: {error}")
    for run in runs:
        run.process.stop()
        check_log(bench, run)
    return {row: {run.name: run.figure for run in runs if run.row is row and not run.failed} for row in group}


def when_idle(bench, row, peers, rounds):
    """Bytes of user memory a connection, from proxies started anew each time."""
    figures = {}
    for _ in range(min(rounds, MEMORY_ROUNDS)):
        for name, proxy in peers.items():
            run = bench.start(proxy, row)
            if not run:
                continue
            try:
                figures.setdefault(name, Figure()).values.append(held_memory(bench, run))
            except RuntimeError as error:
                bench.fail(f"{name}, {row.name}: {error}")
            run.process.stop()
    return {name: figure for name, figure in figures.items() if figure.values}


def held_memory(bench, run):
    """What holding the row's connections adds. A quarter as many are there already: they, and not those that are measured,
    have filled the holes that the warm-up left in the proxy's heap."""
    if run.row.setup.h2:
        h2.ask(bench, rows.Row("warm", "", run.row.setup, connections=64), run.site, 2000)
    else:
        bench.load(rows.Row("warm", "", run.row.setup), run.site, "--seconds", 0.2)
    with ExitStack() as held:
        held.enter_context(holding(bench, replace(run.row, connections=run.row.connections // 4), run.site))
        before = run.process.user_memory()
        held.enter_context(holding(bench, run.row, run.site))
        time.sleep(REST_SECONDS)
        return (run.process.user_memory() - before) / run.row.connections


@contextmanager
def holding(bench, row, site):
    """That many connections are there, until it is left."""
    holder = bench.hold(row, site)
    try:
        if not holder.stdout.readline():
            raise RuntimeError(holder.stderr.read().strip())
        yield
    finally:
        holder.communicate()


def of_check(bench, row, portico, rounds):
    """Milliseconds that `portico check` takes, its own start included."""
    if not portico:
        return {}
    site = bench.site(portico, row.setup)
    command = [portico.binary, "check", "-c", portico.configure(row.setup, site)]
    figure = Figure()
    for _ in range(rounds):
        begin = time.monotonic()
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=CHECK_SECONDS)
        except subprocess.TimeoutExpired:
            bench.fail(f"`portico check` takes more than {CHECK_SECONDS} s")
            return {}
        figure.values.append((time.monotonic() - begin) * 1e3)
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()
            bench.fail(f"`portico check` says {said[-1] if said else done.returncode}")
            return {}
    return {portico.name: figure}


def window(waiter):
    """Ends one. @return the longest wait in it, in milliseconds"""
    waiter.stdin.write("\n")
    waiter.stdin.flush()
    return int(re.search(r"longest_us=(\d+)", waiter.stdout.readline())[1]) / 1e3


def reload_once(portico, run, setup, waiter):
    """Milliseconds from the command to its end, and the longest waits of a client before and meanwhile."""
    portico.configure(setup, run.site)
    window(waiter)
    time.sleep(QUIET_SECONDS)
    quiet = window(waiter)
    begin = time.monotonic()
    command = [portico.binary, "reload", "--admin", portico.admin(run.site)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=CHECK_SECONDS)
    took = (time.monotonic() - begin) * 1e3
    time.sleep(QUIET_SECONDS / 4)  # what was before is let go of
    if done.returncode:
        raise RuntimeError(f"reload: {(done.stderr or done.stdout).strip().splitlines()[-1]}")
    return took, quiet, window(waiter)


def of_reload(bench, row, portico, rounds):
    """@return {title: {"Portico": Figure}} of the reload itself, and of the longest waits without it and with it"""
    titles = (row.title, "  longest wait, nothing happens", "  longest wait, reloads")
    run = portico and bench.start(portico, row)
    if not run:
        return {title: {} for title in titles}
    waiter = bench.wait(row, run.site)
    rows_of = {title: {portico.name: Figure()} for title in titles}
    try:
        for turn in range(rounds):
            setup = replace(row.setup, hosts=row.setup.hosts + 1 - turn % 2)  # something changes each time
            for title, value in zip(titles, reload_once(portico, run, setup, waiter)):
                rows_of[title][portico.name].values.append(value)
    except (RuntimeError, OSError, TypeError, subprocess.TimeoutExpired) as error:
        bench.fail(f"{portico.name}, {row.name}: {error}")
        rows_of = {title: {} for title in titles}
    waiter.communicate()
    run.process.stop()
    return rows_of

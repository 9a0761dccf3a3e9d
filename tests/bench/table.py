"""The one table that a run prints, a row as soon as it is measured."""

import statistics

UNITS = {"request": "µs/req", "GiB": "s/GiB", "connection": "B/conn", "check": "ms", "reload": "ms"}
PEERS = ("nginx", "HAProxy", "H2O")
NAMES = (*PEERS, "Portico")
LINE = "{:33}{:8}{:>9}{:>9}{:>9}{:>9}  {:>8}{:>10}{:>6}  {:>12}  {}"


def print_line(*cells):
    print(LINE.format(*cells).rstrip(), flush=True)


def print_head():
    print_line("workload", "unit", *NAMES, "P/nginx", "P/HAProxy", "P/H2O", "spread %", "a second")


def amount(value, per):
    if per == "GiB":
        return f"{value:.2f}"
    return f"{value:.1f}" if abs(value) < 100 else f"{value:.0f}"


def rate(figure, per):
    median = statistics.median(figure.rates)
    return f"{median:.2f} GiB" if per == "GiB" else f"{median:.0f}"


def paired(mine, other, relation):
    """The median over the rounds of a relation between two figures: both drift together from round to round,
    so this is steadier than the relation of the medians."""
    pairs = [(a, b) for a, b in zip(mine.values, other.values) if b]
    return statistics.median(relation(a, b) for a, b in pairs) if pairs else None


def quotient(figures, peer):
    if "Portico" not in figures or peer not in figures:
        return "-"
    value = paired(figures["Portico"], figures[peer], lambda a, b: a / b)
    return "-" if value is None else f"{value:.2f}"


def print_row(row, figures):
    def each(show):
        return [show(figures[name]) if name in figures else "-" for name in NAMES]

    print_line(
        row.title,
        UNITS[row.per],
        *each(lambda figure: amount(figure.median, row.per)),
        *(quotient(figures, peer) for peer in PEERS),
        "/".join(each(lambda figure: f"{figure.spread * 100:.0f}")),
        " / ".join(each(lambda figure: rate(figure, row.per))) if row.per in ("request", "GiB") else "",
    )


def print_rise(title, few, many):
    """What more of something costs each proxy, in percent."""
    rises = []
    for name in NAMES:
        both = name in few and name in many
        rise = paired(many[name], few[name], lambda a, b: a / b - 1) if both else None
        rises.append("-" if rise is None else f"{rise * 100:+.1f}")
    print_line(title, "%", *rises, "", "", "", "", "")

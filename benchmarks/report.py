"""Report: the page with a suite's results and plots.

.venv-bench/bin/python -m benchmarks.report build/bench/results.json
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

from benchmarks.figures import Figures, percentile, spread

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin: 1rem 0 } th, td { padding: .25rem .7rem; border-bottom: 1px solid #ddd }
td.number { text-align: right; font-variant-numeric: tabular-nums } th { text-align: left }
.met { color: #1a7f37 } .missed { color: #b3261e } svg { max-width: 100%; height: auto }
"""

METHOD = """The server has one core to itself and the load driver the other one; services (Redis, PostgreSQL) are on
the driver's. Every peer gets the same changes, of 200 bytes, over a control connection to the server process.
<b>Fan-out</b>: a change is published when all clients have the last one, so nothing is conflated; deliveries by the
time from publishing until the last client has it. realtime and djangochannelsrestframework write a row of a model for
it, in the server process; the others only send. <b>Flood</b>: changes are handed over as fast as possible, each a new
row in its own transaction; realtime may put several into one frame, and every client gets every row. <b>CPU</b> is
the processor time of the server's processes. <b>Latency</b> runs from just before the commit to the arrival at the
client, on one clock; percentiles are those of all deliveries of all runs. Each run measures each peer in turn, another
one first; given are the median and, in brackets, the least and the most. A ratio is taken within a run. The driver's
share of its own core is given beside: where it is near 1, the peer may be faster than shown."""

OURS, OTHERS = "#1a5fb4", "#9a9996"


def write(results: dict[str, Any], path: Path) -> Path:
    """Write the page of a suite's results, and return its path."""
    figures = Figures(results["records"])
    machine = results["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    about = (
        f"{machine['processor']}, {machine['cores']} cores; Python {machine['python']}; {versions}. It took "
        f"{results['seconds']:.0f} s; the machine's load was {machine['load']} before and {results['loaded']} after."
    )
    parts = [
        f"<h1>realtime and its peers</h1><p>{escape(about)}</p><p>{METHOD}</p>",
        _targets(figures),
        *_fan_out(figures),
        *_flood(figures),
        *_latency(figures),
        *_text(figures),
        *_others(figures),
    ]
    if results["failed"]:
        failed = "".join(f"<li>{escape(text)}" for text in results["failed"])
        parts.append(f"<h2>What failed</h2><ul>{failed}</ul>")
    head = (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>realtime: benchmarks</title><style>{STYLE}</style>"
    )
    path.write_text("\n".join([head, *parts]))
    return path


def _targets(figures: Figures) -> str:
    marks = {True: '<td class="met">met', False: '<td class="missed">missed', None: "<td>-"}
    rows = "".join(
        f"<tr><td>{escape(target.text)}<td>{escape(target.seen)}{marks[target.met]}" for target in figures.targets()
    )
    return f"<h2>Targets</h2><table><tr><th>target<th>seen<th>{rows}</table>"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    cells = "".join(
        f"<tr><td>{escape(first)}" + "".join(f'<td class="number">{escape(cell)}' for cell in rest)
        for first, *rest in rows
    )
    return f"<table><tr>{''.join(f'<th>{escape(name)}' for name in head)}{cells}</table>"


def _fan_out(figures: Figures) -> Iterable[str]:
    sizes = sorted({record["clients"] for record in figures.of("fan-out")})
    if not sizes:
        return
    yield "<h2>Fan-out: one change per frame</h2>"
    for size in sizes:
        groups = figures.peers("fan-out", clients=size)
        ordered = sorted(groups, key=lambda label: -_median(groups[label], "rate"))
        yield f"<h3>{size:,} clients</h3>"
        yield _bars({label: [record["rate"] for record in groups[label]] for label in ordered}, "deliveries a second")
        yield _table(
            ["peer", "deliveries a second", "µs of CPU each", "round, p50 ms", "driver's core"],
            [
                [
                    label,
                    f"{spread(record['rate'] for record in groups[label]):,.0f}",
                    f"{spread(record['processor'] for record in groups[label]):.1f}",
                    f"{percentile([ms for record in groups[label] for ms in record['round']], 0.5):.1f}",
                    f"{_median(groups[label], 'driver'):.2f}",
                ]
                for label in ordered
            ],
        )


def _flood(figures: Figures) -> Iterable[str]:
    groups = figures.peers("flood")
    if not groups:
        return
    ordered = sorted(groups, key=lambda label: -_median(groups[label], "rate"))
    yield "<h2>Flood: changes faster than frames, 1,000 clients</h2>"
    yield _bars({label: [record["rate"] for record in groups[label]] for label in ordered}, "rows a second at clients")
    yield _table(
        ["peer", "rows a second", "µs of CPU each", "bytes each"],
        [
            [
                label,
                f"{spread(record['rate'] for record in groups[label]):,.0f}",
                f"{spread(record['processor'] for record in groups[label]):.2f}",
                f"{_median(groups[label], 'bytes'):.0f}",
            ]
            for label in ordered
        ],
    )


def _latency(figures: Figures) -> Iterable[str]:
    sizes = sorted({record["clients"] for record in figures.of("latency")})
    if not sizes:
        return
    yield "<h2>Latency, from commit to client</h2>"
    rows, curves = [], {}
    for size in sizes:
        for label, records in figures.peers("latency", clients=size).items():
            found = [ms for record in records for ms in record["latencies"]]
            curves[f"{label}, {size:,} clients"] = found
            points = [f"{percentile(found, share):.1f}" for share in (0.5, 0.9, 0.99)]
            rows.append([f"{label}, {size:,} clients", *points, f"{max(found):.1f}", f"{len(found):,}"])
    yield _curves(curves)
    yield _table(["ms", "p50", "p90", "p99", "most", "deliveries"], rows)


def _text(figures: Figures) -> Iterable[str]:
    records = figures.of("text")
    if not records:
        return
    peers = list(dict.fromkeys(name for record in records for name in record["peers"]))
    yield "<h2>Growing text, a changed field, and live text</h2>"
    yield _table(
        ["figure", "realtime", "target", *peers, *(f"realtime / {name}" for name in peers)],
        [
            [
                record["what"],
                f"{record['seen']:,.2f}",
                f"{record['target']:g}" if record["target"] else "",
                *(f"{record['peers'][name]:,.2f}" if record["peers"] else "" for name in peers),
                *(f"{record['seen'] / record['peers'][name]:.3f}" if record["peers"] else "" for name in peers),
            ]
            for record in records
        ],
    )


def _others(figures: Figures) -> Iterable[str]:
    if groups := figures.peers("connections"):
        yield "<h2>Connecting, and idle connections</h2>"
        rows = [
            [label, *(f"{spread(record[name] for record in found):,.0f}" for name in ("rate", "processor", "memory"))]
            for label, found in groups.items()
        ]
        yield _table(["server", "live clients a second", "µs of CPU each", "bytes each"], rows)
    if found := figures.of("burst"):
        yield "<h2>Burst: one transaction</h2>"
        rows = [
            [
                f"{record['label']}: {record['rows']:,} rows, {record['clients']:,} clients",
                f"{record['write']:.2f}",
                f"{record['seconds']:.2f}",
                f"{record['rate']:,.0f}",
                f"{record['memory'] / 1e6:,.0f}",
            ]
            for record in found
        ]
        yield _table(["", "s until commit", "s until all have all", "rows a second at clients", "MB more"], rows)
    if found := figures.of("storm"):
        yield "<h2>Resume storm: all clients come back at once</h2>"
        rows = [
            [f"{r['label']}, {r['clients']:,} clients", f"{r['seconds']:.2f}", f"{r['processor']:.2f}",
             "-" if r["statements"] is None else f"{r['statements']:,}"]
            for r in found
        ]  # fmt: skip
        yield _table(["", "s until all are live", "s of CPU", "SQL statements"], rows)
    if found := figures.of("scale"):
        yield "<h2>Server processes, with PostgreSQL and Redis; all on one core</h2>"
        rows = [
            [f"{r['label']}, {r['clients']:,} clients, processes: {r['processes']}", f"{r['processor']:.1f}",
             f"{r['busiest']:.1f}", f"{percentile(r['latencies'], 0.5):.1f}"]
            for r in found
        ]  # fmt: skip
        yield _table(["", "µs of CPU each", "ms a change, busiest process", "p50, ms"], rows)
    if found := figures.of("routing"):
        yield "<h2>One change, by live queries in the process</h2>"
        rows = [[f"{r['queries']:,}", f"{r['milliseconds']:.3f}", f"{r['ratio']:.2f}"] for r in found]
        yield _table(["live queries", "ms", "ratio"], rows)
    if found := figures.of("black-box"):
        yield "<h2>Changes of another process</h2>"
        rows = [
            [
                f"{r['what']}, {r['label']}, {r['database']}",
                f"{1000 * r['processor']:,.2f}",
                f"{r['processor'] / r['beside']:.2f}" if r.get("beside") else "",
                f"{r['bytes']:,.0f}" if "bytes" in r else "",
                f"{1000 * r['behind']:,.0f}" if "behind" in r else "",
                f"{percentile(r['latencies'], 0.99):,.0f}" if "latencies" in r else "",
            ]
            for r in found
        ]
        yield _table(["", "ms of CPU", "ratio", "bytes", "ms behind", "p99, ms"], rows)
    if found := figures.of("trouble"):
        yield "<h2>Trouble in the servers' logs</h2>"
        yield _table(["peer", "lines"], [[r["peer"], " ".join(r["lines"])] for r in found])


def _median(records: Sequence[dict[str, Any]], name: str) -> float:
    found = spread(record[name] for record in records)
    assert found is not None
    return found.median


def _bars(values: dict[str, list[float]], axis: str) -> str:
    """Plot a bar for each label: the median, with the spread."""
    figure, axes = _axes(0.28 * len(values) + 0.7)
    labels = list(values)[::-1]
    spreads = [spread(values[label]) for label in labels]
    medians = [found.median for found in spreads if found]
    below = [found.median - found.least for found in spreads if found]
    above = [found.most - found.median for found in spreads if found]
    colours = [OURS if label.startswith("realtime") else OTHERS for label in labels]
    axes.barh(labels, medians, xerr=[below, above], color=colours, error_kw={"elinewidth": 1})
    axes.set_xlabel(axis)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    return _svg(figure)


def _curves(values: dict[str, list[float]]) -> str:
    """Plot the share of deliveries that have arrived, by the time since the commit."""
    figure, axes = _axes(3)
    for label, found in values.items():
        ordered = sorted(found)[:: max(1, len(found) // 500)]
        axes.plot(ordered, [(place + 1) / len(ordered) for place in range(len(ordered))], label=label)
    axes.set_xscale("log")
    axes.set_xlabel("milliseconds since the commit")
    axes.set_ylabel("share that has arrived")
    axes.legend(fontsize=8)
    return _svg(figure)


def _axes(inches: float) -> Any:
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot

    pyplot.rcParams.update(
        {"svg.fonttype": "none", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False}
    )
    return pyplot.subplots(figsize=(8.5, inches), layout="constrained")


def _svg(figure: Any) -> str:
    from matplotlib import pyplot

    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    pyplot.close(figure)
    return out.getvalue().partition("<svg")[1] + out.getvalue().partition("<svg")[2]


if __name__ == "__main__":
    source = Path(sys.argv[1])
    print(write(json.loads(source.read_text()), source.with_name("index.html")))

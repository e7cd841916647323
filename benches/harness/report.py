"""Report of a run: a table for people, a document for programs, a chart for both."""

import math
import os
import platform
from pathlib import Path
from xml.sax.saxutils import escape

from . import goals

# How each is called, in the order of the table.
NAMES = {
    "scrip": "Scrip over HTTP",
    "scrip-postgresql": "Scrip over HTTP, on PostgreSQL",
    "fastapi": "FastAPI + asyncpg over HTTP",
    "express": "Express + pg over HTTP",
    "pgbench": "PL/pgSQL by pgbench, no HTTP",
}
CASES = {"spread": "spread", "hot": "one workspace"}


def machine() -> dict:
    described = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.split(":", 1)[1].strip() for line in described if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": len(os.sched_getaffinity(0)),
        "cpu": models[0] if models else platform.machine(),
        "memory_gib": round(memory / 2**30, 1),
        "kernel": f"{platform.system()} {platform.release()}",
    }


def scrip_figures(report: dict, connections: int) -> dict:
    """Returns the figures of the document that `scrip-bench aims` prints."""
    level = next(level for level in report["http"] if level["connections"] == connections)
    return {"spread": level["many"], "hot": level["hot"]}


def server_figures(report: dict) -> dict:
    """Returns the figures of the document that it prints of one process and of several on a database."""
    return {"spread": report["several"]["one_spread"], "hot": report["several"]["one_hot"]}


def ratios(measured: dict) -> list:
    """Returns the rates of Scrip, with its own database and on theirs, as multiples of each peer's."""
    return [
        {"of": ours, "against": peer, "case": case, "times": round(goals.times(measured, ours, peer, case), 2)}
        for ours in ("scrip", "scrip-postgresql")
        for peer in measured
        if ours in measured and not peer.startswith("scrip")
        for case in CASES
    ]


def rows(document: dict):
    """Yields each figure with its name, and the multiple of it that Scrip reaches with its own database."""
    own = [ratio for ratio in document["ratios"] if ratio["of"] == "scrip"]
    times = {(ratio["against"], ratio["case"]): ratio["times"] for ratio in own}
    for peer, name in NAMES.items():
        for case, words in CASES.items():
            if peer in document["measured"]:
                yield name, words, document["measured"][peer][case], times.get((peer, case))


def table(document: dict) -> str:
    its = document["machine"]
    lines = [
        f"{its['cores']} cores, {its['cpu']}, {its['memory_gib']} GiB, {its['kernel']}",
        f"{document['connections']} connections, {document['workspaces']} workspaces or one, {document['seconds']} s"
        f" a figure; {document['workers']} processes an endpoint. Client and server share this machine.",
        "A pair is a hold and its capture, each a durable transaction with a key.",
    ]
    if "client" in document:
        most = 2 * document["client"]["pairs_per_second"]
        lines.append(f"The client of the endpoints alone, against an echo in Python: {most:,} requests/s.")
    head = f"{'':32}{'':15}{'pairs/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'client':>9}{'Scrip is':>11}"
    lines += ["", head, "-" * len(head)]
    for name, case, rate, times in rows(document):
        share = rate.get("client_share_of_one_core")
        lines.append(
            f"{name:32}{case:15}{rate['pairs_per_second']:>9,}{rate['p50_us'] / 1_000:>9.1f}"
            f"{rate['p99_us'] / 1_000:>9.1f}{'' if share is None else f'{share:.0%}':>9}"
            f"{'' if times is None else f'{times:.1f} ×':>11}"
        )
    lines.append("\n`client`: of one processor, what the load took. Pairs a second are to be read as ratios.")
    books = [peer for peer in document["measured"] if not peer.startswith("scrip")]
    if books:
        lines.append(f"The books of {', '.join(books)} add up; one balance was spent by all and paid exactly.")
    return "\n".join([*lines, "", *goals.table(document["goals"])])


STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .small { font-size: 11px; fill: #57606a }
  .grid { stroke: #d0d7de }
  .ours { fill: #0969da }
  .peer { fill: #8c959f }
  .missed { fill: #bc4c00 }
  .aim { stroke: #24292f; stroke-width: 1.5 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .small { fill: #9198a1 }
    .grid { stroke: #3d444d }
    .ours { fill: #4493f8 }
    .peer { fill: #9198a1 }
    .missed { fill: #db6d28 }
    .aim { stroke: #e6edf3 }
  }
"""


def svg(document: dict) -> str:
    """A bar for each figure, on a logarithmic scale, and below one for each aim."""
    bars = list(rows(document))
    speeds = [max(rate["pairs_per_second"], 1) for _, _, rate, _ in bars]
    low = math.floor(math.log10(min(speeds, default=1)) - 0.01)
    high = max(math.ceil(math.log10(max(speeds, default=1))), low + 1)
    left, right, top, step = 290, 690, 62, 26
    x = lambda speed: left + (right - left) * (math.log10(speed) - low) / (high - low)
    bottom = top + step * len(bars)
    aims, end = goals.picture(document["goals"], bottom + 36)
    what = "Pairs of a hold and its capture a second, logarithmic"
    its = document["machine"]
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 860 {end + 30}" role="img" aria-label="{what}">',
        f"<style>{STYLE}</style>",
        f'<text x="10" y="24" font-weight="600">{what}</text>',
        f'<text class="small" x="10" y="42">{document["connections"]} connections; {its["cores"]} cores,'
        f" {escape(its['cpu'])}; client and server on the same machine</text>",
    ]
    for power in range(low, high + 1):
        at = f"{x(10**power):.1f}"
        lines.append(f'<line class="grid" x1="{at}" y1="{top - 6}" x2="{at}" y2="{bottom}"/>')
        lines.append(f'<text class="small" x="{at}" y="{bottom + 16}" text-anchor="middle">{10**power:,}</text>')
    for n, ((name, case, _, times), speed) in enumerate(zip(bars, speeds)):
        y = top + n * step
        colour = "ours" if name.startswith("Scrip") else "peer"
        more = "" if times is None else f" (Scrip: {times:.1f} ×)"
        lines += [
            f'<text x="{left - 10}" y="{y + 13}" text-anchor="end">{escape(name)}, {case}</text>',
            f'<rect class="{colour}" x="{left}" y="{y}" width="{x(speed) - left:.1f}" height="18" rx="2"/>',
            f'<text class="small" x="{x(speed) + 6:.1f}" y="{y + 13}">{speed:,}{more}</text>',
        ]
    lines += aims
    lines.append(f'<text class="small" x="10" y="{end + 14}">{escape(document["command"])}</text>')
    return "\n".join([*lines, "</svg>", ""])

"""Aims by number: those that `scrip-bench aims` measures, and those that need the peers."""

import math
from xml.sax.saxutils import escape

# What only this harness measures, in the order of the numbers: pairs a second of the one over the other's.
COMPARED = [
    ("P2", "scrip", "fastapi", "spread", 40.0, "pairs over HTTP, against FastAPI over PostgreSQL"),
    ("P2", "scrip", "express", "spread", 40.0, "pairs over HTTP, against Express over PostgreSQL"),
    ("P4", "scrip-postgresql", "pgbench", "spread", 6.0, "one process on PostgreSQL, against the transaction by hand"),
    ("P4", "scrip-postgresql", "pgbench", "hot", 25.0, "the same, all on one workspace"),
]
VERDICTS = {"met": "met", "missed": "missed", "met_so_far": "met at this size", "not_measured": ""}
# Powers of ten to either side of the aim that the picture shows at most.
MOST = 2


def times(measured: dict, ours: str, peer: str, case: str):
    """Returns the rate of ours as a multiple of a peer's; nothing if one of them was not measured."""
    if ours not in measured or peer not in measured:
        return None
    return measured[ours][case]["pairs_per_second"] / max(measured[peer][case]["pairs_per_second"], 1)


def compare(measured: dict) -> list:
    goals = []
    for number, ours, peer, case, aim, what in COMPARED:
        figure = times(measured, ours, peer, case)
        verdict = "not_measured" if figure is None else "met" if figure >= aim else "missed"
        figure = None if figure is None else round(figure, 3)
        goals.append(
            {"number": number, "what": what, "measured": figure, "unit": "times", "aim": aim}
            | {"at_least": True, "verdict": verdict}
        )
    return goals


def of(document: dict) -> list:
    """Returns all aims by number, each once, with its figure where one was measured."""
    own = document.get("scrip", {}).get("goals", []) + document.get("scrip_postgresql", {}).get("goals", [])
    goals = compare(document["measured"])
    here = {goal["number"] for goal in goals}
    elsewhere = {goal["number"] for goal in own if goal["measured"] is not None}
    for goal in own:
        if goal["number"] not in here and (goal["measured"] is not None or goal["number"] not in elsewhere):
            goals.append(goal)
    return sorted(goals, key=lambda goal: int(goal["number"][1:]))


def figure(goal: dict, value: float) -> str:
    match goal["unit"]:
        case "share":
            return f"{value:.0%}".replace("%", " %")
        case "times":
            return f"{value:.2f} ×" if value < 10 else f"{value:.0f} ×"
        case "seconds":
            return f"{value:.2f} s"
        case "milliseconds":
            return f"{value:.0f} ms"
        case "nanoseconds":
            return f"{value:.0f} ns"
        case "mebibytes":
            return f"{value:.1f} MiB"
    raise ValueError(goal["unit"])


def aim(goal: dict) -> str:
    return f"{'≥' if goal['at_least'] else '≤'} {figure(goal, goal['aim'])}"


def table(goals: list) -> list:
    """Returns the lines of a table of aims."""
    if not goals:
        return []
    widest = max(len(goal["what"]) for goal in goals)
    lines = [f"{'':3}  {'':{widest}}  {'measured':>11}  {'aim':>11}"]
    for goal in goals:
        measured = "–" if goal["measured"] is None else figure(goal, goal["measured"])
        line = f"{goal['number']:>3}  {goal['what']:{widest}}  {measured:>11}  {aim(goal):>11}"
        lines.append(f"{line}  {VERDICTS[goal['verdict']]}".rstrip())
    return lines


def picture(goals: list, top: float) -> tuple:
    """Returns the lines of a picture from a height on, and its end: a bar for each, as long as its figure is of its
    aim, logarithmic, so that whatever meets its aim ends right of one line."""
    bars = []
    for goal in goals:
        if goal["measured"] is not None:
            measured = max(goal["measured"], 1e-6)
            bars.append((goal, math.log10(measured / goal["aim"] if goal["at_least"] else goal["aim"] / measured)))
    if not bars:
        return [], top
    left, right, step = 450, 720, 22
    low = max([1, *(min(math.ceil(-power), MOST) for _, power in bars)])
    high = max([1, *(min(math.ceil(power), MOST) for _, power in bars)])
    x = lambda power: left + (right - left) * (min(max(power, -low), high) + low) / (low + high)
    start = top + 34
    bottom = start + step * len(bars)
    title = "Figures against their aims, logarithmic: right of the line is better"
    lines = [f'<text x="10" y="{top + 14}" font-weight="600">{title}</text>']
    for power in range(-low, high + 1):
        label = "the aim" if power == 0 else f"{10**power} ×" if power > 0 else f"1/{10**-power} of it"
        kind, at = ("aim" if power == 0 else "grid"), f"{x(power):.1f}"
        lines.append(f'<line class="{kind}" x1="{at}" y1="{start - 6}" x2="{at}" y2="{bottom}"/>')
        lines.append(f'<text class="small" x="{at}" y="{bottom + 16}" text-anchor="middle">{label}</text>')
    for n, (goal, power) in enumerate(bars):
        y = start + n * step
        kind = "missed" if goal["verdict"] == "missed" else "ours"
        words = f"{figure(goal, goal['measured'])} ({aim(goal)})"
        lines += [
            f'<text class="small" x="{left - 8}" y="{y + 12}" text-anchor="end">{goal["number"]}'
            f" {escape(goal['what'])}</text>",
            f'<rect class="{kind}" x="{left}" y="{y}" width="{max(x(power) - left, 1):.1f}" height="15" rx="2"/>',
            f'<text class="small" x="{x(power) + 6:.1f}" y="{y + 12}">{escape(words)}</text>',
        ]
    return lines, bottom + 30

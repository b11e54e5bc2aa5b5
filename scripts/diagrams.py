"""Draws the diagrams of the docs as SVG files: boxes and arrows, readable on light and dark pages.

Run it from the root of the checkout, with `python -m scripts.diagrams`.
"""

from html import escape
from pathlib import Path
from typing import NamedTuple

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"

STYLE = """
.card { fill: #f4f5f8; stroke: #d9dce4 }
.box { fill: #ffffff; stroke: #4b57c9; stroke-width: 1.5 }
.group { fill: none; stroke: #5a6072; stroke-dasharray: 5 4 }
.good { stroke: #1f8a5b }
.bad { stroke: #c2333d }
text { font: 14px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: #1d2130 }
.title { font-weight: 600 }
.soft { fill: #5a6072; font-size: 12.5px }
.arrow { stroke: #5a6072; stroke-width: 1.5; fill: none; marker-end: url(#head) }
"""

HEAD = (
    '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
    '<path d="M0 0 L8 4 L0 8 z" fill="#5a6072"/></marker></defs>'
)


class Box(NamedTuple):
    x: int
    y: int
    width: int
    title: str
    text: str = ""
    kind: str = ""
    height: int = 58


class Group(NamedTuple):
    x: int
    y: int
    width: int
    height: int
    title: str


class Arrow(NamedTuple):
    points: tuple[tuple[int, int], ...]
    text: str = ""
    where: tuple[int, int] = (0, 0)


def draw(name: str, width: int, height: int, *parts: Box | Group | Arrow, alt: str) -> None:
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img">',
        f"<title>{escape(alt)}</title>",
        f"<style>{STYLE}</style>",
        HEAD,
        f'<rect class="card" x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="10"/>',
        *(line for part in parts for line in _lines(part)),
        "</svg>",
    ]
    (IMAGES / f"{name}.svg").write_text("\n".join(lines) + "\n")
    print(f"docs/images/{name}.svg")


def _lines(part: Box | Group | Arrow) -> list[str]:
    if isinstance(part, Arrow):
        path = " L".join(f"{x} {y}" for x, y in part.points)
        x, y = part.where
        label = [f'<text class="soft" x="{x}" y="{y}" text-anchor="middle">{escape(part.text)}</text>']
        return [f'<path class="arrow" d="M{path}"/>', *(label if part.text else [])]
    if isinstance(part, Group):
        return [
            f'<rect class="group" x="{part.x}" y="{part.y}" width="{part.width}" height="{part.height}" rx="8"/>',
            f'<text class="soft" x="{part.x + 12}" y="{part.y + 20}">{escape(part.title)}</text>',
        ]
    middle = part.x + part.width // 2
    top = part.y + (25 if part.text else part.height // 2 + 5)
    place = f'x="{part.x}" y="{part.y}" width="{part.width}" height="{part.height}"'
    lines = [
        f'<rect class="box {part.kind}" {place} rx="8"/>',
        f'<text class="title" x="{middle}" y="{top}" text-anchor="middle">{escape(part.title)}</text>',
    ]
    if part.text:
        lines.append(f'<text class="soft" x="{middle}" y="{top + 19}" text-anchor="middle">{escape(part.text)}</text>')
    return lines


def main() -> None:
    draw(
        "live-query", 760, 250,
        Group(20, 20, 240, 210, "the writer's transaction"),
        Box(40, 50, 200, "Row", "INSERT, UPDATE, DELETE"),
        Box(40, 150, 200, "Change log", "one thin row per change"),
        Arrow(((140, 108), (140, 148))),
        Box(330, 150, 170, "Hub", "one per server process"),
        Arrow(((240, 179), (328, 179)), "wake-up", (284, 170)),
        Arrow(((415, 148), (415, 79), (242, 79)), "which rows changed?", (330, 70)),
        Box(580, 40, 160, "Page of Ada", "rows, cursor"),
        Box(580, 110, 160, "Page of Ben", "rows, cursor"),
        Box(580, 180, 160, "Page of Cleo", "rows, cursor"),
        Arrow(((500, 179), (540, 179), (540, 69), (578, 69))),
        Arrow(((500, 179), (540, 179), (540, 139), (578, 139))),
        Arrow(((500, 179), (540, 179), (540, 209), (578, 209)), "one frame", (540, 228)),
        alt="From a write to every subscriber of a live query",
    )  # fmt: skip
    draw(
        "cursor", 760, 220,
        Box(20, 30, 130, "Page rendered", "cursor 41", "good"),
        Box(200, 30, 70, "42", "commit"),
        Box(290, 30, 70, "43", "commit"),
        Box(380, 30, 70, "44", "commit"),
        Box(580, 30, 160, "Page is live", "cursor 44", "good"),
        Arrow(((150, 59), (198, 59))),
        Arrow(((270, 59), (288, 59))),
        Arrow(((360, 59), (378, 59))),
        Arrow(((450, 59), (578, 59)), "time", (514, 50)),
        Box(200, 140, 250, "Page is offline", "it keeps cursor 41", "bad"),
        Arrow(((450, 169), (660, 169), (660, 90)), "connects with cursor 41", (555, 160)),
        Arrow(((415, 88), (415, 120), (620, 120), (620, 90)), "one frame: 42 to 44", (520, 112)),
        alt="A client resumes from its cursor",
    )  # fmt: skip
    draw(
        "isolation", 760, 250,
        Group(20, 20, 720, 210, "one server process"),
        Box(40, 55, 210, "Log worker", "quick ones, one transaction", "good"),
        Box(275, 55, 210, "Slow live queries", "up to 4 threads, read apart"),
        Box(510, 55, 210, "Access checks", "2 threads, up to 14 while slow"),
        Box(40, 150, 210, "Actions", "REALTIME_THREADS"),
        Box(275, 150, 210, "Event loop", "clients, frames, heartbeats", "good"),
        Box(510, 150, 210, "Handshakes, presence", "1 thread each"),
        alt="Threads of a server process",
    )  # fmt: skip
    draw(
        "capture", 760, 220,
        Group(20, 20, 460, 180, "one transaction"),
        Box(40, 50, 180, "Your statement", "same rows, same locks"),
        Box(280, 50, 180, "Row", "board_task"),
        Box(280, 130, 180, "Change", "realtime_change"),
        Arrow(((220, 79), (278, 79))),
        Arrow(((130, 108), (130, 159), (278, 159)), "capture adds", (204, 150)),
        Box(570, 90, 170, "Hubs wake up", "after the commit", "good"),
        Arrow(((480, 119), (568, 119)), "commit", (524, 110)),
        alt="Capture records a change in the writer's transaction",
    )  # fmt: skip
    draw(
        "threats", 760, 220,
        Group(20, 20, 200, 180, "hostile"),
        Box(40, 50, 160, "Client", "messages, tokens", "bad"),
        Box(40, 130, 160, "Foreign page", "another origin", "bad"),
        Group(270, 20, 470, 180, "trusted"),
        Box(290, 90, 120, "Handshake", "origin, user"),
        Box(440, 90, 120, "authorize", "per stream"),
        Box(590, 90, 130, "QuerySet", "only its rows", "good"),
        Arrow(((200, 79), (288, 108))),
        Arrow(((200, 159), (288, 130)), "refused", (240, 172)),
        Arrow(((410, 119), (438, 119))),
        Arrow(((560, 119), (588, 119))),
        alt="What a request of a client passes before it sees a row",
    )  # fmt: skip
    draw(
        "performance", 760, 200,
        Group(20, 20, 440, 160, "once per change and process"),
        Box(40, 70, 120, "Read log", "1 query"),
        Box(180, 70, 120, "Read rows", "1 per live query"),
        Box(320, 70, 120, "Encode", "frame, bytes"),
        Arrow(((160, 99), (178, 99))),
        Arrow(((300, 99), (318, 99))),
        Group(500, 20, 240, 160, "once per client"),
        Box(530, 70, 180, "Hand over bytes", "half a microsecond", "good"),
        Arrow(((440, 99), (528, 99))),
        alt="What a change costs once, and what it costs per client",
    )  # fmt: skip


if __name__ == "__main__":
    main()

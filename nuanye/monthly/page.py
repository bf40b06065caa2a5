"""The report as one HTML page: no script, no outside file, charts as inline SVG with their numbers beside."""

from __future__ import annotations

from html import escape

from nuanye.monthly.tables import Table

_COLOURS = ("#a8401a", "#d98a4b", "#e9c08a", "#3f6072", "#7d9aa8", "#b7c7cf", "#2c6e49", "#8a4b00")
_STYLE = """
:root{--ink:#2b211b;--soft:#6b5a4e;--line:#e6dcd1;--accent:#a8401a}
*{box-sizing:border-box}body{margin:0;background:#f8f4ef;color:var(--ink);
font:15px/1.6 "Noto Sans CJK SC","PingFang SC","Microsoft YaHei",sans-serif}
main{max-width:960px;margin:0 auto;padding:32px 20px 60px}h1{font-size:28px;margin:0 0 4px}
.by{color:var(--soft);margin:0 0 24px}section{background:#fff;border:1px solid var(--line);border-radius:8px;
padding:20px 24px;margin:0 0 20px;break-inside:avoid}h2{font-size:18px;margin:0 0 12px}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(130px,1fr));gap:12px}
.tile{border-left:3px solid var(--accent);padding:2px 12px}.tile b{display:block;font-size:24px;
font-variant-numeric:tabular-nums}.tile span{color:var(--soft);font-size:13px}
table{border-collapse:collapse;width:100%;margin-top:12px;font-variant-numeric:tabular-nums}
th,td{padding:5px 8px;border-bottom:1px solid var(--line);text-align:right}
th:first-child,td:first-child{text-align:left}th{color:var(--soft);font-weight:500;font-size:13px}
.scroll{overflow-x:auto}.note{color:var(--soft);font-size:13px;margin:10px 0 0}svg{width:100%;height:auto}
svg text{font:12px "Noto Sans CJK SC","PingFang SC","Microsoft YaHei",sans-serif;fill:#2b211b}
.legend{display:flex;flex-wrap:wrap;gap:4px 16px;font-size:13px;color:var(--soft)}
.legend i{display:inline-block;width:12px;height:12px;border-radius:2px;margin-right:6px;vertical-align:-1px}
@media print{body{background:#fff}section{border:0;padding:8px 0}}
"""


def page_of(title: str, agency: str, made_on: str, tables: tuple[Table, ...]) -> str:
    """Return the page. Everything that comes from data is escaped."""
    sections = "\n".join(_section(table) for table in tables)
    return (
        f'<!doctype html>\n<html lang="zh-CN"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{_STYLE}</style></head>'
        f'<body><main><h1>{escape(title)}</h1><p class="by">{escape(agency)} · {escape(made_on)} 生成</p>'
        f"\n{sections}\n</main></body></html>\n"
    )


def _section(table: Table) -> str:
    note = f'<p class="note">{escape(table.note)}</p>' if table.note else ""
    if not table.rows or not any(isinstance(c, int) and c for row in table.rows for c in row):
        return f'<section><h2>{escape(table.title)}</h2><p class="note">本月没有数据。</p></section>'
    if not table.chart and table.title == "触达":
        return f"<section><h2>{escape(table.title)}</h2>{_tiles(table)}{note}</section>"
    charts = {"bars": _bars, "stack": _stack, "days": _days}
    chart = charts[table.chart](table) if table.chart else ""
    shown = "" if table.chart in ("bars", "days") else _table(table)
    return f"<section><h2>{escape(table.title)}</h2>{chart}{shown}{note}</section>"


def _tiles(table: Table) -> str:
    tiles = "".join(
        f'<div class="tile"><span>{escape(str(row[0]))}</span><b>{row[1]:,}</b>'
        f"<span>{escape(str(row[2]))}</span></div>"
        for row in table.rows
    )
    return f'<div class="tiles">{tiles}</div>'


def _table(table: Table) -> str:
    head = "".join(f"<th>{escape(title)}</th>" for title in table.header)
    rows = "".join(
        "<tr>" + "".join(f"<td>{_cell(value)}</td>" for value in row) + "</tr>" for row in table.rows
    )
    return f'<div class="scroll"><table><tr>{head}</tr>{rows}</table></div>'


def _cell(value: str | float) -> str:
    return escape(value) if isinstance(value, str) else f"{value:,}"


def _bars(table: Table) -> str:
    """Horizontal bars with name, number and share."""
    most = max(int(row[1]) for row in table.rows) or 1
    height = 28 * len(table.rows)
    parts = []
    for number, row in enumerate(table.rows):
        y = 28 * number
        width = 480 * int(row[1]) / most
        parts.append(
            f'<text x="170" y="{y + 18}" text-anchor="end">{escape(str(row[0]))}</text>'
            f'<rect x="180" y="{y + 5}" width="{max(width, 1):.1f}" height="18" rx="3" fill="{_COLOURS[0]}"/>'
            f'<text x="{188 + width:.1f}" y="{y + 18}">{int(row[1]):,}　{escape(str(row[2]))}</text>'
        )
    return _svg(table.title, 860, height, parts)


def _stack(table: Table) -> str:
    """One bar a district, all of the same length, cut by status."""
    names = table.header[1:-1]
    height = 30 * len(table.rows)
    parts = []
    for number, row in enumerate(table.rows):
        y, x, total = 30 * number, 90.0, int(row[-1]) or 1
        parts.append(f'<text x="80" y="{y + 19}" text-anchor="end">{escape(str(row[0]))}</text>')
        for place, value in enumerate(row[1:-1]):
            width = 680 * int(value) / total
            if width:
                parts.append(
                    f'<rect x="{x:.1f}" y="{y + 5}" width="{width:.1f}" height="20"'
                    f' fill="{_COLOURS[place % 8]}"><title>{escape(names[place])} {value}</title></rect>'
                )
            x += width
        parts.append(f'<text x="780" y="{y + 19}">{total:,}</text>')
    legend = "".join(
        f'<span><i style="background:{_COLOURS[place % 8]}"></i>{escape(name)}</span>'
        for place, name in enumerate(names)
    )
    return f'<div class="legend">{legend}</div>' + _svg(table.title, 860, height, parts)


def _days(table: Table) -> str:
    """Two columns a day: calls and completed ones."""
    most = max(int(row[1]) for row in table.rows) or 1
    step = 800 / max(len(table.rows), 7)
    parts = ['<line x1="40" y1="180" x2="850" y2="180" stroke="#e6dcd1"/>']
    for share in (0.5, 1.0):
        y = 180 - 160 * share
        parts.append(f'<line x1="40" y1="{y}" x2="850" y2="{y}" stroke="#e6dcd1" stroke-dasharray="3 4"/>')
        parts.append(f'<text x="34" y="{y + 4}" text-anchor="end">{round(most * share):,}</text>')
    for number, row in enumerate(table.rows):
        x = 44 + step * number
        for value, colour, shift in ((int(row[1]), "#e9c08a", 0.0), (int(row[2]), _COLOURS[0], 0.4)):
            height = 160 * value / most
            parts.append(
                f'<rect x="{x + step * shift:.1f}" y="{180 - height:.1f}" width="{step * 0.4:.1f}"'
                f' height="{height:.1f}" fill="{colour}"><title>{row[0]}：{value}</title></rect>'
            )
        parts.append(f'<text x="{x + step * 0.4:.1f}" y="197" text-anchor="middle">{str(row[0])[8:]}</text>')
    legend = (
        '<div class="legend"><span><i style="background:#e9c08a"></i>呼叫</span>'
        f'<span><i style="background:{_COLOURS[0]}"></i>完成回访</span></div>'
    )
    return legend + _svg(table.title, 860, 204, parts)


def _svg(title: str, width: int, height: int, parts: list[str]) -> str:
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>'
    )

"""The report as an XLSX workbook: one sheet a table, with Excel's own charts; no cell is a formula."""

from __future__ import annotations

from pathlib import Path

from openpyxl import Workbook
from openpyxl.cell.cell import TYPE_STRING
from openpyxl.chart import BarChart, LineChart, Reference
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.worksheet.worksheet import Worksheet

from nuanye.monthly.tables import Table

_HEAD = PatternFill("solid", fgColor="FDEBDD")
_FORBIDDEN = str.maketrans(dict.fromkeys("[]:*?/\\（）"))


def write_book(path: Path, title: str, tables: tuple[Table, ...]) -> None:
    """Write the workbook. Raises ``OSError``."""
    book = Workbook(write_only=False)
    for empty in book.worksheets:
        book.remove(empty)
    book.properties.title = title
    for table in tables:
        _sheet(book.create_sheet(table.title.translate(_FORBIDDEN)[:31]), table)
    book.save(path)


def _sheet(sheet: Worksheet, table: Table) -> None:
    for number, row in enumerate((table.header, *table.rows), start=1):
        for place, value in enumerate(row, start=1):
            cell = sheet.cell(number, place, value)
            if isinstance(value, str):
                cell.data_type = TYPE_STRING  # a district named "=1+1" stays a text
            if number == 1:
                cell.font, cell.fill = Font(bold=True), _HEAD
                cell.alignment = Alignment(horizontal="center")
    for place, title in enumerate(table.header):
        widest = max([len(str(row[place])) for row in table.rows] + [len(title)])
        sheet.column_dimensions[chr(65 + place)].width = min(40, 4 + 2 * widest)
    sheet.freeze_panes = "A2"
    if table.note:
        sheet.cell(len(table.rows) + 3, 1, table.note)
    if table.chart and table.rows:
        sheet.add_chart(_chart(sheet, table), f"{chr(66 + len(table.header))}2")


def _chart(sheet: Worksheet, table: Table) -> BarChart | LineChart:
    last = len(table.rows) + 1
    chart = LineChart() if table.chart == "days" else BarChart()
    columns = {"bars": (2, 2), "days": (2, 3), "stack": (2, len(table.header) - 1)}[table.chart]
    if isinstance(chart, BarChart):
        chart.type = "bar"
        if table.chart == "stack":
            chart.grouping, chart.overlap = "percentStacked", 100
    chart.add_data(
        Reference(sheet, min_col=columns[0], max_col=columns[1], min_row=1, max_row=last),
        titles_from_data=True,
    )
    chart.set_categories(Reference(sheet, min_col=1, min_row=2, max_row=last))
    chart.title = table.title
    chart.height, chart.width = max(7.0, 1.5 + 0.7 * len(table.rows)), 18
    return chart

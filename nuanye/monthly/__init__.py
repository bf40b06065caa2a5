"""The monthly report: figures as tables with Chinese names, then as a page and as a workbook."""

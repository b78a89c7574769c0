"""The reports of an evaluation: tables, `report.json`, `report.md` and `report.html`."""

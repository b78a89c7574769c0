"""What an evaluation tells: tables, `report.json`, `report.md` and `report.html`."""

"""Reads what OGP publishes (pages and spreadsheets) into facts with evidence, and records the differences."""

"""Reading what OGP publishes, pages and spreadsheets: facts with their evidence, and the record brought in line."""

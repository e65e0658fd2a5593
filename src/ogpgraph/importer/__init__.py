"""Reading what OGP publishes: pages and spreadsheets in, facts with their evidence out, and the record brought in line."""

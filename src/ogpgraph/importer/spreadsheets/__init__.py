"""Import of OGP's commitment database, which is published as CSV files; every fact has its row and column as evidence."""

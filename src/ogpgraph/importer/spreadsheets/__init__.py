"""Import of OGP's commitment database, published as CSV files; every fact has its row and column as evidence."""

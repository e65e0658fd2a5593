"""Reading OGP's commitment database: published CSV files in, facts with row and column as evidence out."""

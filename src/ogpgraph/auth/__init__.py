"""Who is it, and may they: tokens, the table of rights, and how often one may write."""

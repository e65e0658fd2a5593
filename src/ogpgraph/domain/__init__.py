"""What may happen to members, action plans, commitments, sources and accounts, and nothing of how it is kept."""

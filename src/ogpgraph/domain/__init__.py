"""The domain: rules about members, action plans, commitments, sources, codes and accounts, without I/O."""

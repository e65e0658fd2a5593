"""Read published commitment pages: bytes in, facts with their positions in the text out; nothing is stored."""

"""Authentication: tokens of this server and of an OpenID Connect issuer."""

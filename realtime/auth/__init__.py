"""Authentication and authorization of clients: identity, sessions, tokens, origins, revocation, limits."""

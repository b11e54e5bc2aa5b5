"""Who a client is, and what it may see: identity, authorization, revocation, tokens, origins, limits."""

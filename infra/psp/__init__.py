"""Payment providers behind the port ``commands.ports.Gateway``, one module a provider, and the registry of those that exist.

Owns how a provider is asked for money and what its answers mean. Does not own when to ask, how often, or what an answer changes:
that is decided by the payment (``domain.payment``).
"""

"""How API keys' rows are read: shown to people without their hash, to authenticate with it."""

COLUMNS = "id, name, permissions, revoked_at, created, version"
AUTHENTICATION_COLUMNS = "id, permissions, revoked_at, secret_hash"

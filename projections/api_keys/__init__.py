"""The hashes, permissions and revocations of API keys, for the query API to authenticate with. Never a key's text."""

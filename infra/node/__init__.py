"""The command node: what runs around the shards. Owns the loop's side of commands, timers, test clocks, charges and transfers.

All its state belongs to one asyncio loop; the window process reports to it.
"""

"""The stories that mix decisions and gateways, a file each.

Each is a sequence of small steps: decide and append, call the gateway, decide and append. The process may be killed
between any two of them; `recovery` then goes on from the log alone.
"""

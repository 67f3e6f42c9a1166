"""The rules of a prepaid balance: facts, the state they add up to, and decisions. Pure; nothing here reads or waits.

Read in this order: `events` (what can happen), `account` (what it adds up to), `fold` (how), then the decisions, a
file per story: `standing`, `checkout`, `top_up`, `cards`, `spending`, `holds`, `numbers`, `adjustments`; last `agenda`.
"""

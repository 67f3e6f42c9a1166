"""The rules of a prepaid balance: facts, the state they add up to, and decisions. Pure; nothing here reads or waits.

Read in this order: `events` (what can happen), `account` (what it adds up to), `fold` (how), then the decisions, a
file per story:

- the account: `standing`, `adjustments`;
- money in: `checkout`, `top_up`, `cards`, `customers`, `card_testing`;
- money in without the customer there: `automatic`, `auto_top_up`, `monthly_recharge`;
- what it buys: `spending`, `holds`, `numbers`; with credit that nobody paid for: `grants`, `lots`;
- money back: `charges` (what is left of one), `refunds`, `disputes`, `credit_notes`;

last `agenda`, what is to be done when. The other files are what several stories need.
"""

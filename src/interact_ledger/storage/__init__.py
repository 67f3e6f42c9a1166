"""The log in a database, and the rows that follow from it: the one place that knows SQL and the event-sourcing library.

`log` keeps streams of events, over what `recorder` asks of a database; `sqlite` and `postgres` (with its `sessions`)
answer it. `mapper` writes events as bytes and chains them. `rows` says which rows follow from events, `index` has the
ledger's own, `rebuild` fills all anew, `schema` makes their tables. `accounts` and `books` append what was
decided, helped by `snapshots` and the command's `deadline`. `following` is a log whose events are `elsewhere`, which
gives fewer `guarantees`; `replica` is one that is read from a `standby`. `url` says which database an address names.
"""

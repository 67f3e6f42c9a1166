"""The verbs of the ledger, a file per part of the product; `ledger.Ledger` has them all.

A verb checks the form of what it is given, names the operation, and hands it to a decision or a process.
"""

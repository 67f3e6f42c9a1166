"""What people read: tables that follow from the log, written with it and rebuildable from nothing.

A file per reader, and none imports another. No decision reads any of them.
"""

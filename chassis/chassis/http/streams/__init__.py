"""Streams of server-sent events: one process holds thousands of open answers, and writes changes to them once they are committed.

A route authorises each stream as any request, and says which topics it hears (`routes.open_stream`). The hub then reads new changes by one
query for all streams, woken by a notification, and writes the same bytes to each stream that hears them. The id of an event is a place
in the order of commits (`chassis.data.commit_order`), so whoever comes back with it misses nothing and gets nothing twice.
"""

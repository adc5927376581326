"""The album web service: something real to put load on.

Albums over HTTP and JSON, kept in memory in one of several stores, so that a load test can show what a data structure
or a lock costs and what its absence costs. Run it with `python -m service --help`. It knows nothing of who loads it.
"""

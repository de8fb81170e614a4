"""Fleets on a cluster that runs already, Dask's or Ray's, or on a small one of this machine.

    the run  --pipe--  driver  --engine--  worker of the engine: host.py, with the supervisor and the child of any run
        '------------- the sweep's directory: leases, results, what is said of fleets, the wish to stop ---'

The engine hands out and counts losses, and is asked for nothing more. joblib, which speaks to both, is not used for
that: with Dask it waits for ever where a worker dies, and with Ray it gives nothing until all is done, and nothing at
all where a worker dies (`docs/reliability.md`).
"""

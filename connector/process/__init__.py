"""Parts of the processes `connector serve` and `connector worker`.

    listening.py          opens a port, or explains why it cannot be opened
    startup.py            what `serve` prints once it listens
    heartbeat.py          registers the process, and reports that it runs; secret_files.py: watches files of secrets
    reloading.py          reads the settings again on SIGHUP
    probes.py             health, readiness and metrics of the worker
    metrics_directory.py  where the processes of one `serve` share their metrics

`connector/server.py` and `connector/worker.py` assemble them.
"""

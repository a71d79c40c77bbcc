"""Sweeps of independent tasks: in child processes of this machine, or on the machines of a Dask cluster.

A task says what is done (``module:function``), what is asked (plain JSON) and which files it reads, by digest. What
came of it is kept under the digest of all that: what is known is not done again, whoever asks and whenever.
``sweep.run_tasks`` is the usual way in; ``sweep.TaskSweep`` is for those who choose the next task by what was found.
"""

"""The kinds of jobs, one file each; ``qexplorer.jobs.kind`` says how to add one."""

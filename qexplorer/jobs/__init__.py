"""Work that outlives a page: detached children, progress, cancel, the history of runs."""

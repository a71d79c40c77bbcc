"""Places of the machine: work takes as many as it has processors' worth of work, timing takes all; one line for all."""

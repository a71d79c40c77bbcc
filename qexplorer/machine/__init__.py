"""What is known of this machine: processor, GPUs, their ceiling, meters of power, and what else runs on it."""

"""Latency and throughput: calls timed in turns in a child, with intervals; a sweep over batch sizes and threads."""

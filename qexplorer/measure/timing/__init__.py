"""Latency and throughput: calls timed in turns in a child, their intervals, and a sweep over batch sizes and threads."""

"""Comparisons on a cluster: answers are judged on any machine of it, and all times of a comparison come from one."""

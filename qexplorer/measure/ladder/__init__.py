"""The fidelity ladder: float, simulated, exact integers, each backend, climbed in processes of their own."""

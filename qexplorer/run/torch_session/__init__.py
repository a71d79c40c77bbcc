"""What the sessions of both PyTorch backends share; torch is imported with its modules, not with this package."""

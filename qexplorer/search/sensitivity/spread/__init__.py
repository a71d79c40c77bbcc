"""The exact method on a cluster: batches of samples are tasks, each with its own kept activations."""

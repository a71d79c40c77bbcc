"""What the training scripts of the sample models share: learning, export with readable names, manifests."""

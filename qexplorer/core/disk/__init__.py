"""What keeps the workspace's folder in order: private, within its limit, and without what killed processes left."""

"""Reference implementations of algorithms: one adapter a package, all fed and scored alike."""

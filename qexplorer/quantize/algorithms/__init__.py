"""One file for each post-training algorithm; ``qexplorer.core.algorithm`` says how to add one."""

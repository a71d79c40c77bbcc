"""One file for each post-training algorithm; ``qexplorer.core.plugin_kinds.algorithm`` says how to add one."""

"""Page Quantize: the recipe by presets, controls, rules and YAML, and the plan that it comes to."""

"""Page Repair: what is wrong with the quantized model, what was tried, and what helped."""

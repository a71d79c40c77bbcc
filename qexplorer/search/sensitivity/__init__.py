"""How much each layer's rounding costs: foretold from gradients for all layers, and evaluated one by one."""

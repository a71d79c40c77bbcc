"""Page Compare: what is compared, the results, and the sections behind them."""

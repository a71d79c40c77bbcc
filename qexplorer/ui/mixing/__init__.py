"""Page Mixed precision: what to mix, the front under a slider, and the mix that was measured."""

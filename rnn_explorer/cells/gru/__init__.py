"""The gated recurrent unit."""

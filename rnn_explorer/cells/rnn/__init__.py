"""The simple recurrent network."""

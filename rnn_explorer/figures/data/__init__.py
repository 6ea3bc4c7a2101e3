"""Figures of the Data page: sequences, how often each answer comes, and errors by column."""

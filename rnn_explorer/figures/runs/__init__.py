"""Figures of several runs, on the page that lists them."""

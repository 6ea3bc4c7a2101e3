"""The library's front door: what `import rnn_explorer as rx` offers, made of the parts that the pages use, too."""

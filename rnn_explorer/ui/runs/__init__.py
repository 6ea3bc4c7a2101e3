"""The page that lists a visitor's runs.

`rows.py` says what a row is, `filters.py` and `table.py` show the list, `actions.py` has what can be done with the
chosen runs, `differences.py` and `chosen_curves.py` what they show together.
"""

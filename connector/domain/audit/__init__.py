"""The history as values, its filter, and its entries as sentences."""

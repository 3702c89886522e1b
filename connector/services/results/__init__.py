"""Results: take in events, apply what Onfido says of a run, decide reviews, keep what a run ended with."""

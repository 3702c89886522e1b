"""Rules of Onfido Studio: the input of a workflow, its run, and the features that a provider uses."""

"""Look up verifications: one, a page, as CSV, and the files that Onfido keeps as evidence."""

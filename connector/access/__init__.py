"""Access control: the gate, the keys of issuers, the development issuer."""

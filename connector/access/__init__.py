"""Who may call: the gate, the keys of issuers, the development issuer."""

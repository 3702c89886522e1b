"""The bridge between identity providers and Onfido identity verification."""

__version__ = "0.1.0"

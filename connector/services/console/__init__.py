"""The console's sessions, the forms that outlive them, and the record of sign-ins."""

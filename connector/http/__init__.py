"""All outgoing HTTP that is not Onfido's."""

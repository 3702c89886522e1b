"""Starting a verification: the request, the lease, the values it is bound to, the steps at Onfido."""

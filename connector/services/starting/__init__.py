"""Starting a verification: the request, the lease, the bound values, the steps at Onfido."""

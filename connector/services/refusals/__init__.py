"""Recording refused requests and posts, within limits."""

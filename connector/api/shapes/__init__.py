"""The schemas of requests and answers, a file for each resource.

Each is the only view of its resource: the API answers with it, the command line prints it with `--json`, and CSV files
and the console are made from it. The wire's camelCase names do not leave these files.
"""

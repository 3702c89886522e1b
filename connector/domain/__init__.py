"""The rules as pure functions: values in, decisions out; only the standard library.

providers/      a provider's configuration and its validation, its claim mapping, its set-up and health
studio/         a workflow's input and run, and the features of Onfido Studio that a provider uses
verifications/  a verification, how a run judges its claims, and the reasons in words
people/         users' ids, and their status for help desks and directories
audit/          the history as values and as sentences
statistics/     what is counted, and the numbers derived from it
openid/         the requests of clients of the OpenID provider
claims.py       the state of a claim, and the applicant field that it is sent as
tenancy.py      a tenant, the default tenant, and the prefix of other tenants' paths
messages.py     the rules' texts, which pages translate

The other files are values that all of them share, such as text, times and addresses.
"""

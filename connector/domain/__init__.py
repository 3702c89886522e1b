"""The rules as pure functions: values in, decisions out; only the standard library.

provider.py        the configuration of an identity verification provider; provider_rules.py: its validation
studio.py          a provider's features of Onfido Studio; readiness.py: its checks before the first user
urls.py            the addresses that an administrator may configure
workflow_input.py  the input of a run; custom_data.py: typed input
capture.py         capture by SDK or by link, and the options of either
applicant.py       the applicant data that Onfido would refuse
claims.py          the state of a claim, and the applicant field that it is sent as
pointers.py        JSON Pointers into a workflow's output
verification.py    a verification; verification_filter.py: the filter of a query
workflow_run.py    the statuses of a workflow run, and their transitions
tasks.py           a run's tasks
history.py         changes, with their time and actor
tenancy.py         a tenant, the default tenant, and the prefix of other tenants' paths
"""

"""The rules, pure: values in, decisions out; the standard library only.

provider.py        the configuration of an identity verification provider, and its validation
studio.py          the features of Onfido Studio that it uses; readiness.py: whether it is ready to verify
urls.py            which addresses an administrator may name
workflow_input.py  the input of a run; custom_data.py: typed input
capture.py         capture by SDK or by link, and the options of either
applicant.py       which applicant data Onfido would refuse
claims.py          which applicant field a claim feeds, and what a comparison, or the output, means for the claim
pointers.py        where in an output something is
verification.py    a verification, as a value; verification_filter.py: which ones a query selects
runs.py            the statuses of a workflow run, and when one follows another
tasks.py           a run's tasks
history.py         what changed, when and through whom
tenancy.py         a tenant, the default one, and the prefix of the others' paths
"""

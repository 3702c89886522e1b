"""The rules, pure: values in, decisions out; the standard library only.

provider.py        what an identity verification provider is configured with, and what is refused
studio.py          what it uses of Onfido Studio; readiness.py: whether it is ready to verify
urls.py            which addresses an administrator may name
workflow_input.py  what a run is started with; custom_data.py: typed input
capture.py         by SDK or by link, and what either is made with
applicant.py       what Onfido would refuse of an applicant
claims.py          which applicant field a claim feeds, and what a comparison, or the output, means for the claim
pointers.py        where in an output something is
verification.py    one attempt of a user's, as a value; run_filter.py: which are asked for
runs.py            the statuses of a workflow run, and when one follows another
tasks.py           a run's tasks
history.py         what changed, when and through whom
tenants.py         the default tenant, and where the others' paths begin
"""

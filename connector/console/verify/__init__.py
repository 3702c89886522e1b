"""The user's page: which of the user's attributes are verified, and the way through a verification.

    /verify                          the provider's page; where there are several, a choice
    /verify/<provider>               what is verified, and what to do now (standing.py)
    /verify/<provider>/start         starts or continues: leads to Onfido's pages, or opens Onfido's Web SDK here
    /verify/<provider>/return        where the user comes back to
    /verify/<provider>/state         the part that follows the result

Whoever is signed in at the tenant sees themselves alone. It is shown in the provider's name, logo and accent colour,
in English or German. Nothing of Onfido's reasons, documents or watchlists is shown.
"""

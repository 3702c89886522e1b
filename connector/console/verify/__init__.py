"""The user's page: which of the user's attributes are verified, and how to start a verification.

/verify                          redirects to the provider's page; offers a choice if there are several
/verify/<provider>               what is verified, and what to do next (standing.py)
/verify/<provider>/start         starts or continues: redirects to Onfido's pages, or opens Onfido's Web SDK here
/verify/<provider>/return        the page to which the user returns
/verify/<provider>/state         the part that follows the result

Users who are signed in at the tenant see only their own data. The page has the provider's name, logo and accent
colour, in English or German. Onfido's reasons, documents and watchlists are not shown.
"""

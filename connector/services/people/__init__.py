"""Users, their claims and their applicants at Onfido."""

"""The files that jobs write, from the API's views, so that every object has the same format everywhere.

They import marshmallow, which a worker only does when it has such a job.
"""

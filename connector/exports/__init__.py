"""What jobs write: files made of the API's views, so that one thing looks the same wherever it is read.

They load marshmallow, which a worker does only once it has such a job.
"""

"""What both HTTP APIs share: response models, problems, request context, authentication, positions and preconditions.

Owns the shape of answers and errors on the wire. Knows no storage, no domain rule and no route.
"""

"""A clip and the models that judged it in; where they saw a forgery out."""

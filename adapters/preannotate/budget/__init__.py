"""Commands for the annotation budget: what to label next, to review, and to accept unseen."""

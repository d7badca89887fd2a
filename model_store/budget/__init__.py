"""What annotations are worth: which are wrong, how many more are needed, what can be accepted."""

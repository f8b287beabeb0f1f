"""One trainer for all methods and tasks: steps, checkpoints, guards; events out, no word."""

"""Published encoders: where they come from, and their files in each form that there is."""

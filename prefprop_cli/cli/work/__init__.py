"""What a command does once its options are checked: it calls and draws."""

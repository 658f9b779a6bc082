"""What jobs cost, how long they may run, and advice from past runs."""

"""How long jobs take, what they ask for, and whether that was right."""

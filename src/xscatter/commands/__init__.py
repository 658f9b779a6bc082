"""One file a verb: its docstring is the help text, EXAMPLE the epilogue; add_arguments and run."""

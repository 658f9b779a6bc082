"""Compare image sizes: one study at several sizes and seeds, with equal training budgets."""

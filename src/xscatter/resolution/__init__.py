"""Does a larger image make the tagger better? One study at several image sizes, under equal budgets."""

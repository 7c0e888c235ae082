"""Where tasks, accounts, rates and files live."""

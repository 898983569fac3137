"""Who may come in, as which workspace, and how much he may ask for."""

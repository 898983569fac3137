"""What the Assistant API can do, free of any dialect: the routes call it, a Fault is its refusal."""

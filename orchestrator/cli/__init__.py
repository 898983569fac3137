"""The command line: `main.py` names the commands, each has a file, `output.py` knows terminal and JSON."""

"""Chat models behind one door.

`compatible`: any chat-completions endpoint; `scripted`: the offline model; `directory`: which model serves which name.
"""

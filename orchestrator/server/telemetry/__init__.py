"""What the server tells its operator: counts, logs, traces. None of it holds what people say, nor a key.

On the way of a request it costs plain additions; whatever is large is imported when it is asked for.
"""

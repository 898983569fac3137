"""Threads as JSON Lines, which leave this server and come to it: one more way to speak, beside the dialects.

A file of ours begins with a header and ends with an `end` line, so that one that was cut off is known as such. Between
them stands one object a line: a thread, then its messages, its runs and their steps, each with all that is kept of it.

    {"format": "orchestrator.threads", "version": 1}
    {"thread": {"id": "thread_…", "created_at": 1795420800000, "metadata": {}, …}}
    {"message": {"id": "message_…", "thread_id": "thread_…", "role": "user", "content": […], …}}
    {"run": {…}}
    {"step": {…}}
    {"end": {"lines": 4}}

Lines from elsewhere are objects as the APIs of OpenAI and of Model Studio show them (`foreign.py`), with or without
the thread itself.
"""

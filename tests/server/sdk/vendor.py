"""The vendor's SDK, unmodified; its deprecation warnings are silenced here and in the conftest."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import dashscope
    from dashscope import Assistants, Messages, Runs, Steps, Threads
    from dashscope.assistants.files import Files as AssistantFiles
    from dashscope.common.error import InputRequired, InvalidParameter, ModelRequired, TimeoutException
    from dashscope.threads.messages.files import Files as MessageFiles

__all__ = [
    "AssistantFiles",
    "Assistants",
    "InputRequired",
    "InvalidParameter",
    "MessageFiles",
    "Messages",
    "ModelRequired",
    "Runs",
    "Steps",
    "Threads",
    "TimeoutException",
    "dashscope",
]

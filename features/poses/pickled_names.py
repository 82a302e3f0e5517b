"""Column names out of pandas' HDF5 attributes, which are pickles, without unpickling.

Unpickling a stranger's file can run any code. The names are plain lists and tuples of texts, so their
opcodes are read one by one with `pickletools` (which only parses) and anything else is refused.
"""

import pickletools

_TEXTS = {
    "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "STRING", "BINSTRING", "SHORT_BINSTRING",
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "FLOAT", "BINFLOAT",
}  # fmt: skip
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_PUTS = {"PUT", "BINPUT", "LONG_BINPUT"}
_GETS = {"GET", "BINGET", "LONG_BINGET"}
_SMALL_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_NOTHING = {"PROTO", "FRAME"}
_MARK = object()


class RefusedPickleError(ValueError):
    """The pickle holds something other than lists, tuples, texts and numbers."""


def plain_objects(pickled: bytes) -> object:
    """Rebuild a pickle that holds only lists, tuples, texts and numbers; nothing is executed.

    Raises
    ------
    RefusedPickleError
        The pickle is damaged or holds anything else (classes, calls, dicts, persistent ids).
    """
    stack: list = []
    memo: dict = {}
    try:
        for opcode, argument, _ in pickletools.genops(pickled):
            if opcode.name == "STOP":
                (result,) = stack
                return result
            _step(opcode.name, argument, stack, memo)
    except RefusedPickleError:
        raise
    except Exception as error:  # genops raises whatever damaged bytes lead to; all mean the same here
        raise RefusedPickleError(f"damaged ({type(error).__name__})") from error
    raise RefusedPickleError("it has no end")


def _step(name: str, argument: object, stack: list, memo: dict) -> None:
    """Do one opcode on the stack, for the few that plain lists and tuples need."""
    if name in _NOTHING:
        return
    if name in _TEXTS:
        stack.append(argument)
    elif name in _CONSTANTS:
        stack.append(_CONSTANTS[name])
    elif name == "MARK":
        stack.append(_MARK)
    elif name in ("EMPTY_LIST", "EMPTY_TUPLE"):
        stack.append([] if name == "EMPTY_LIST" else ())
    elif name in ("LIST", "TUPLE"):
        items = _since_mark(stack)
        stack.append(items if name == "LIST" else tuple(items))
    elif name in _SMALL_TUPLES:
        items = [stack.pop() for _ in range(_SMALL_TUPLES[name])]
        stack.append(tuple(reversed(items)))
    elif name in ("APPEND", "APPENDS"):
        items = _since_mark(stack) if name == "APPENDS" else [stack.pop()]
        stack[-1].extend(items)
    elif name in _PUTS:
        memo[argument] = stack[-1]
    elif name == "MEMOIZE":
        memo[len(memo)] = stack[-1]
    elif name in _GETS:
        stack.append(memo[argument])
    else:
        raise RefusedPickleError(f"it holds more than names ({name})")


def _since_mark(stack: list) -> list:
    items = list(iter(stack.pop, _MARK))
    items.reverse()
    return items

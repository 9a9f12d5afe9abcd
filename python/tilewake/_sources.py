# SPDX-License-Identifier: Apache-2.0
"""Arguments as the C++ library takes them: names, texts and dictionaries; settings."""
import json
import operator
import os

from . import _tilewake


def path_bytes(path):
    """A path, also one that is not UTF-8. Raises UsageError for one with a null character, at which
    the system would cut it off."""
    encoded = os.fsencode(path)
    if b"\0" in encoded:
        raise _tilewake.UsageError("a path must not have a null character")
    return encoded


def _shown(value):
    """A value for a message. Python refuses to print integers of more than 4300 digits."""
    try:
        text = repr(value)
    except Exception:  # pylint: disable=broad-exception-caught
        text = f"a value of type {type(value).__name__}"
    return text if len(text) <= 100 else text[:100] + "..."


def is_text(source):
    """Whether a str is the text of a file rather than a name or path."""
    return isinstance(source, str) and ("\n" in source or source.lstrip().startswith("{"))


def _plain(value):
    """A number of another library, as of NumPy, as Python's own."""
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"{type(value).__name__} is no value of a YAML file")


def text_of_dict(values, what):
    """The YAML text (JSON, which is YAML) of a dictionary. Raises InputError."""
    try:
        return json.dumps(values, indent=1, default=_plain)
    except (TypeError, ValueError, RecursionError) as error:
        raise _tilewake.InputError(f"<{what}>: {error}") from None


def _scalar(value):
    """A value of `set` as in a YAML file."""
    if isinstance(value, str):
        return value
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        try:
            return repr(value)
        except ValueError as error:
            raise _tilewake.UsageError(f"set: {error}") from None
    raise _tilewake.UsageError(f"set: a value must be a number, a bool or a str, "
                               f"not {type(value).__name__}")


def _check_key(key):
    if not isinstance(key, str) or "" in key.split("."):
        raise _tilewake.UsageError(f"set: {_shown(key)} is no key, as 'dram.num_channels' is")
    return key


def settings(values):
    """`set` of one simulation: pairs of key and scalar."""
    return [(_check_key(key), _scalar(value)) for key, value in (values or {}).items()]


def value_lists(values):
    """`set` of a sweep: pairs of key and scalars, and what each scalar was."""
    pairs, originals = [], {}
    for key, items in (values or {}).items():
        if isinstance(items, (str, bytes)) or not hasattr(items, "__iter__"):
            raise _tilewake.UsageError(f"set: {_check_key(key)} needs a list of values")
        items = list(items)
        texts = [_scalar(item) for item in items]
        if not texts:
            raise _tilewake.UsageError(f"set: {_check_key(key)} has no values")
        if len(set(texts)) < len(texts):
            raise _tilewake.UsageError(f"set: {_check_key(key)} is given a value twice")
        pairs.append((_check_key(key), texts))
        originals[key] = dict(zip(texts, items))
    return pairs, originals


def integer(name, value, low, high):
    """An integer argument in [low, high]. Raises UsageError."""
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or not low <= number <= high:
        raise _tilewake.UsageError(f"{name} must be an integer from {low} to {high}, "
                                   f"not {_shown(value)}")
    return number


def shape(input_shape, name="input_shape"):
    """`input_shape` as a list of sizes."""
    return [integer(name, size, 1, 1 << 20) for size in input_shape or ()]


def names(name, values):
    """A name, or several, as a list. Raises UsageError."""
    try:
        values = [values] if isinstance(values, str) else list(values or ())
    except TypeError:
        values = [values]
    for value in values:
        if not isinstance(value, str) or not value:
            raise _tilewake.UsageError(f"{name}: a node is named by a str, not {_shown(value)}")
    return values


def model_options(input_shape, input_shapes, until, from_, skip_unsupported):
    """How a model is read, for the library."""
    options = _tilewake.ModelOptions()
    if input_shape:
        options.add_input_shape("", shape(input_shape))
    for name, sizes in (input_shapes or {}).items():
        options.add_input_shape(names("input_shapes", name)[0], shape(sizes, "input_shapes"))
    options.until = names("until", until)
    options.from_ = names("from_", from_)
    options.skip_unsupported = bool(skip_unsupported)
    return options

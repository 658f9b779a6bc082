"""Sources of frames that appear over time: a protocol, and one file a source.

`source` has the protocol and says how to add a source, `registry` finds the source of an address,
`folder` is the first one.
"""

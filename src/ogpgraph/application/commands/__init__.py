"""Commands: functions that decide by aggregates, and append events to the unit of work or raise a Refusal.

A command takes the aggregates that it changes as the unit of work returns them at that moment: an aggregate is out of
date once an event was appended to it. A code is resolved once, by the caller, which needs the aggregate anyway in order
to authorize the command. Where facts come from is always the last parameter, `provenance`.
"""

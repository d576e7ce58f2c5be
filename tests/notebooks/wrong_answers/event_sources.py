"""Wrong answers to the exercises, and a word of the reason that the reader must get."""

PIECES = "for n in range(0, len(entries), 10)"

WRONG = {
    "publishes_all": [
        ("lambda events, entries: events.put_events(Entries=entries)", "34 entries"),
        (
            f"lambda events, entries: [events.put_events(Entries=entries[n:n+10]) {PIECES}]",
            "too early",
        ),
        (
            "lambda events, entries: [e for _ in range(6) for e in entries"
            " if 'ErrorCode' in events.put_events(Entries=[e])['Entries'][0]]",
            "published twice",
        ),
        ("lambda events, entries: []", "never sent"),
        (
            "lambda events, entries: [e for e in entries if not any('EventId' in"
            " events.put_events(Entries=[e])['Entries'][0] for _ in range(6))]",
            "malformed",
        ),
        ("'publish'", "function itself"),
    ],
    "what_becomes_of": [
        ('{"a": "refused", "b": "nowhere", "c": "refused", "d": "arrives"}', "a: think"),
        ('{"a": "arrives", "b": "refused", "c": "refused", "d": "arrives"}', "b: think"),
        ('{"a": "arrives", "b": "nowhere", "c": "arrives", "d": "arrives"}', "c: think"),
        ('{"a": "arrives", "b": "nowhere", "c": "refused", "d": "nowhere"}', "d: think"),
        ('{"a": "arrives"}', "dictionary"),
        ('{"a": "lost", "b": "nowhere", "c": "refused", "d": "arrives"}', "lost: say one"),
    ],
}

"""Wrong answers to the exercises, and a word of the reason that the reader must get."""

WRONG = {
    "reports_failures": [
        ("lambda event, ship: [ship(record['body']) for record in event['Records']]", "returned"),
        (
            "lambda event, ship: {'batchItemFailures':"
            " [ship(record['body']) for record in event['Records']][:0]}",
            "it raised",
        ),
        ("lambda event, ship: {'batchItemFailures': []}", "0 of 6 parcels were tried"),
        ("lambda event, ship: None", "0 of 6"),
        ("'handle'", "function itself"),
    ],
    "heavy_express": [
        ("{'body': {'service': ['express']}}", "4 of the five"),
        (
            "{'body': {'service': ['express'], 'kilos': [{'numeric': ['>=', 20]}]}}",
            "3 of the five",
        ),
        ("{'body': {'kilos': [{'numeric': ['>', 20]}]}}", "3 of the five"),
        ("{'body': {'service': ['Express'], 'kilos': [{'numeric': ['>', 20]}]}}", "0 of the five"),
        ("{'service': ['express']}", "begins with"),
    ],
}

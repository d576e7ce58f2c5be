"""Wrong answers to the exercises, and a word of the reason that the reader must get."""

WRONG = {
    "written_by_the_sender": [
        ('{"source", "detail"}', "missing"),
        ('{"source", "detail-type", "detail", "time"}', "need not"),
        ('{"source", "detail-type", "detail", "id"}', "EventBridge writes"),
        ('{"Source", "DetailType", "Detail"}', "names of the entry"),
        ('{"source", "detail-type", "detail", "payload"}', "not a field"),
        ("3", "set of names"),
    ],
    "entry_arrives": [
        ("{k: v for k, v in entry.items() if k != 'EventBusName'}", "which bus"),
        ("{**entry, 'Detail': checkout}", "json.dumps"),
        ("{**entry, 'Source': 'com.swn.basket.CheckoutBasket'}", "pattern"),
        ("{**entry, 'Detail': 'not json'}", "refused"),
        ("[entry]", "dictionary"),
    ],
}

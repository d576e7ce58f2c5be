"""Wrong answers to the exercises, and a word of the reason that the reader must get."""


def schedule(expression: str, zone: str = "America/New_York") -> str:
    return f'{{"ScheduleExpression": "{expression}", "ScheduleExpressionTimezone": "{zone}"}}'


WRONG = {
    "picking_list": [
        (schedule("cron(45 6 * * ? *)"), "Sat"),
        (schedule("cron(6 45 ? * MON-FRI *)"), "six fields"),
        (schedule("cron(45 6 ? 1-6 MON-FRI *)"), "only"),
        (schedule("cron(45 6 ? * MON-FRI *)", "New York"), "no time zone"),
        ('{"ScheduleExpression": "cron(45 6 ? * MON-FRI *)", "Timezone": "x"}', "second argument"),
        (schedule("cron(45 6 ? * 1-5 *)"), "Nothing happens on Fri"),
        (schedule("cron(45 11 ? * MON-FRI *)"), "11:45"),
        (schedule("cron(45 6 ? * MON-FRI *)", "UTC"), "clock of UTC"),
        ('{"ScheduleExpression": "cron(45 6 ? * MON-FRI *)"}', "clock of UTC"),
        ('"cron(45 6 ? * MON-FRI *)"', "dictionary"),
    ],
    "noon_in_lisbon": [
        ('"a"', "an hour off"),
        ('"c"', "UTC only"),
        ('"d"', "once"),
        ('"noon"', "letters"),
    ],
}

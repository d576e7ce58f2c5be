"""Wrong answers to the exercises, and a word of the reason that the reader must get."""

PUT = "lambda awslambda: awslambda.put_function_event_invoke_config(FunctionName='charge-card', "
UPDATE = PUT.replace("put_", "update_")
TO = "{'OnFailure': {'Destination': lab.arn('sqs', '%s')}}"

WRONG = {
    "two_runs_ten_minutes": [
        ('{"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 600}', "3 runs"),
        ('{"MaximumRetryAttempts": 1}', "6 hours"),
        ('{"MaximumRetryAttempts": 1, "MaximumEventAgeInSeconds": 10}', "min value: 60"),
        ('{"MaximumRetryAttempts": 1, "MaximumEventAgeInSeconds": 6000}', "ten minutes"),
        ('{"MaximumEventAgeInSeconds": 600}', "may be three"),
        ('{"retries": 1}', "misspelt"),
        ("2", "dictionary"),
    ],
    "adds_on_failure": [
        (f"{PUT}DestinationConfig={TO % 'charge-failed'})", "Put wipes"),
        (f"{UPDATE}DestinationConfig={TO % 'charge-failed'})", "name both"),
        (f"{UPDATE}DestinationConfig={TO % 'charge-dlq'})", "not to the queue"),
        (f"{UPDATE}MaximumRetryAttempts=0)", "no destination"),
        ("'update'", "function itself"),
    ],
}

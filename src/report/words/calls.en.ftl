
# Calls.

section-calls = Calls
section-calls-hours = Calls by hour
section-calls-waits = Waiting
section-calls-parts = Queues and operators

column-duration = Time
column-queue = Queue
column-trunk = Line
column-operator = Operator
column-hour = Hour
column-wait = Wait
column-figure-answered = Answered
column-figure-gave-up = Gave up
column-figure-handled = Handled

weekday-1 = Mon
weekday-2 = Tue
weekday-3 = Wed
weekday-4 = Thu
weekday-5 = Fri
weekday-6 = Sat
weekday-7 = Sun

wait-band = { $from }–{ $to } s
wait-over = from { $from } s

caption-hours = Calls that entered a queue, by weekday and hour
caption-waits = How long callers waited, answered or not
caption-queues = By queue
caption-trunks = By line of the carriers
caption-operators = By operator

figure-offered = Entered a queue (offered)
figure-answered = Answered
figure-handled = Handled
figure-abandoned = Abandoned
figure-short_abandoned = Short abandons
figure-asked_back = Asked to be called back
figure-led_on = Led on to a message or a word
figure-lost = Lost by a fault
figure-waiting = Waiting now
figure-abandonment_rate = Abandonment rate
figure-answer_rate = Answer rate
figure-service_level = Service level
figure-service_level_strict = Service level, strict
figure-asa = Mean wait of the answered
figure-longest_wait = Longest wait
figure-talk = Mean talk, with hold
figure-aht = Mean handling time
figure-wrap_up = Wrap-up of all operators
figure-occupancy = Occupancy
figure-callers = Callers known
figure-repeat_callers = Repeat callers
figure-repeat_share = Share of repeat callers
figure-without_identity = Calls without an identity
figure-concurrency = Most calls at once
figure-ivr_only = Never in a queue
figure-closed = In closed hours
figure-nobody_on_shift = While nobody was on shift
figure-direct = Rung without a queue
figure-callbacks = Callbacks
figure-callbacks_reached = Callbacks reached
figure-outside = Calls outside by operators

formula-offered = Offered: calls of callers that entered a queue. Waiting starts there, while the greeting plays.
formula-handled = Handled: calls in which operator and caller talked (answered, rung without a queue, callbacks reached).
formula-abandoned = Abandoned: hung up without an operator after { $short } s of waiting or later.
formula-short_abandoned = Short abandons: hung up before { $short } s. Each may be a frightened child.
formula-abandonment_rate = Abandonment rate: abandoned ÷ (handled + abandoned), without short abandons.
formula-answer_rate = Answer rate: answered ÷ offered, without exclusions.
formula-service_level = Service level { $target }: answered within { $within } s ÷ (answered + gave up after more than { $within } s).
formula-service_level_strict = Strict: answered within { $within } s ÷ all offered.
formula-asa = Mean wait: from the first queue to the operator, over the answered.
formula-longest_wait = Longest wait: over the answered and those who gave up.
formula-aht = Handling time: (talk + hold + wrap-up) ÷ handled.
formula-occupancy = Occupancy: handling ÷ (handling + available), without breaks.
formula-repeat_callers = Repeat callers: two calls or more in this time; who has no identity is not counted.
formula-concurrency = Most calls at once: the greatest overlap from arrival to end.
formula-closed = Calls that never entered a queue, closed hours and times without operators are not offered; they are told apart.

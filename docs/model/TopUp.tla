------------------------------- MODULE TopUp -------------------------------
(***************************************************************************)
(* One top-up: what several processes, a crash at any moment and a gateway *)
(* that answers late or never can do to it. README.md beside this file     *)
(* says which action is which function, what is left out, and why.         *)
(***************************************************************************)
EXTENDS Naturals, TLC

CONSTANTS
    Callers,            \* processes that call top_up with one and the same key
    Recoverers,         \* processes that run recover, or ask for a payment's state
    MaxAttempts,        \* the highest number of an attempt
    MaxTries,           \* how often one attempt may be meant to be sent
    MaxTime,            \* time ends here; an attempt only opens if its proof comes before
    CustomerMayCancel,  \* whether the customer may call the top-up off
    HasObject,          \* whether `begin` makes an object at the gateway
    SendWithin,         \* Settings.send_within
    ClockDifferenceMax, \* Settings.clock_difference_max
    SafeDelay,          \* Capabilities.safe_delay: what the gateway says of its delay
    ReplayWindow,       \* Capabilities.replay_window: what the gateway says of its keys
    ClocksDiffer,       \* by how much the clocks do differ
    TakesEffectWithin,  \* how long a request is under way at most, in truth
    KeysKept,           \* how long the gateway does remember a key
    Bug                 \* "none", or what the code does wrong

VARIABLES
    now,      \* the true time
    log,      \* durable: the operation's events, folded
    object,   \* at the gateway, by attempt: its present state
    captures, \* at the gateway, by attempt: how often it took the money
    keptTo,   \* at the gateway, by attempt: until when it remembers the key
    wire,     \* requests to charge that are under way
    caller,   \* in the memory of each calling process
    recoverer \* in the memory of each recovering process

vars == <<now, log, object, captures, keptTo, wire, caller, recoverer>>

Attempts == 1..MaxAttempts

Undecided == {"requested", "unknown", "pending", "action_required"}

Idle == [at |-> "idle", attempt |-> 0, answer |-> "none"]

Readings == {now + difference : difference \in 0..ClocksDiffer}

---------------------------------------------------------------------------
\* The decisions: pure functions of the log.

IsOver(l) == l.number > 0 /\ l.cancelling = "no" /\ l.status \notin Undecided

AfterCancelling(reason) ==
    CASE reason = "customer"   -> "cancelled"
      [] reason = "declined"   -> "declined"
      [] reason = "expired"    -> "expired"
      [] reason = "abandoned"  -> "not_attempted"
      [] reason = "superseded" -> "cancelled"

Cancelling(l, reason) == IF Bug = "nothing is cancelled" THEN l ELSE [l EXCEPT !.cancelling = reason]

Cancelled(l) ==
    [l EXCEPT !.status = IF l.cancelling = "no" THEN "cancelled" ELSE AfterCancelling(l.cancelling),
              !.cancelling = "no"]

NotAttempted(l) ==
    LET ended == [l EXCEPT !.status = "not_attempted"]
    IN IF l.reference > 0 THEN Cancelling(ended, "abandoned") ELSE ended

Captured(l, attempt) ==
    LET credited == [l EXCEPT !.credited = @ \union {attempt}]
    IN CASE attempt \in l.credited -> l
         [] attempt = l.number -> [credited EXCEPT !.status = "succeeded", !.cancelling = "no", !.reference = attempt]
         [] OTHER -> IF IsOver(l) \/ l.cancelling # "no" THEN credited ELSE Cancelling(credited, "superseded")

Moved(l, answer) ==
    CASE answer = "pending" -> [l EXCEPT !.status = "pending", !.reference = l.number]
      [] answer = "action_required" -> [l EXCEPT !.status = "action_required", !.reference = l.number]
      [] answer = "declined" -> [l EXCEPT !.status = "declined"]
      [] answer = "payable" -> Cancelling([l EXCEPT !.status = "declined", !.reference = l.number], "declined")
      [] answer = "cancelled" -> Cancelled(l)
      [] answer = "not_attempted" /\ l.tries = 1 -> NotAttempted(l)
      [] answer \in {"unknown", "not_attempted"} /\ l.status = "requested" -> [l EXCEPT !.status = "unknown"]
      [] OTHER -> l

Recorded(l, attempt, answer) ==
    CASE answer = "captured" -> Captured(l, attempt)
      [] attempt # l.number \/ IsOver(l) -> l
      [] l.cancelling # "no" -> IF answer \in {"cancelled", "declined"} THEN Cancelled(l) ELSE l
      [] OTHER -> Moved(l, answer)

Absent(l, attempt) == IF attempt # l.number \/ IsOver(l) \/ l.cancelling # "no" THEN l ELSE NotAttempted(l)

Abandoned(l, attempt, reference) ==
    LET isAnother == attempt # l.number /\ Bug # "abandon whichever attempt is the latest"
    IN IF isAnother \/ IsOver(l) \/ l.cancelling # "no" THEN l
       ELSE IF Bug = "nothing is cancelled" THEN [l EXCEPT !.status = "not_attempted"]
       ELSE [l EXCEPT !.reference = reference, !.cancelling = "abandoned"]

Begun(l, attempt) == IF attempt = l.number THEN [l EXCEPT !.reference = attempt] ELSE l

Opened(l, sendBefore) ==
    [l EXCEPT !.number = @ + 1, !.tries = 1, !.status = "requested", !.reference = 0, !.cancelling = "no",
              !.sendBefore[l.number + 1] = sendBefore]

CanReplay ==
    IF Bug = "a key need only outlive send_within" THEN ReplayWindow >= SendWithin
    ELSE ReplayWindow >= SendWithin + ClockDifferenceMax + SafeDelay

MayBeSentAgain(l, reading) ==
    /\ l.status \in {"requested", "unknown"}
    /\ l.cancelling = "no"
    /\ reading < l.sendBefore[l.number]

MayBeAttemptedAgain(l) ==
    \/ IsOver(l) /\ l.status = "not_attempted" /\ l.credited = {}
    \/ Bug = "next attempt after unknown" /\ l.status = "unknown" /\ l.cancelling = "no"

ProofFrom(attempt) ==
    IF Bug = "not found is believed at once" THEN 0
    ELSE log.sendBefore[attempt] + ClockDifferenceMax + SafeDelay

---------------------------------------------------------------------------
\* The calling processes.

Start == IF HasObject THEN "begin" ELSE "send"

Goes(p, at, attempt, answer) == caller' = [caller EXCEPT ![p] = [at |-> at, attempt |-> attempt, answer |-> answer]]

Answers(p, answer) == Goes(p, "record", caller[p].attempt, answer)

IsInTime(sendBefore) == sendBefore + ClockDifferenceMax + SafeDelay <= MaxTime

Request(p) ==
    /\ caller[p].at = "idle"
    /\ log.number = 0
    /\ \E reading \in Readings :
        /\ IsInTime(reading + SendWithin)
        /\ LET opened == Opened(log, reading + SendWithin)
           IN log' = IF Bug = "no intent" THEN [opened EXCEPT !.number = 0] ELSE opened
    /\ Goes(p, Start, 1, "none")
    /\ UNCHANGED <<now, object, captures, keptTo, wire, recoverer>>

Repeat(p) ==
    /\ caller[p].at = "idle"
    /\ log.number > 0
    /\ CanReplay
    /\ log.tries < MaxTries
    /\ \E reading \in Readings : MayBeSentAgain(log, reading)
    /\ log' = IF Bug = "a repeat is not written down" THEN log ELSE [log EXCEPT !.tries = @ + 1]
    /\ Goes(p, Start, log.number, "none")
    /\ UNCHANGED <<now, object, captures, keptTo, wire, recoverer>>

AttemptAgain(p) ==
    /\ caller[p].at = "idle"
    /\ log.number \in 1..(MaxAttempts - 1)
    /\ MayBeAttemptedAgain(log)
    /\ \E reading \in Readings :
        /\ IsInTime(reading + SendWithin)
        /\ log' = Opened(log, reading + SendWithin)
    /\ Goes(p, Start, log.number + 1, "none")
    /\ UNCHANGED <<now, object, captures, keptTo, wire, recoverer>>

\* `begin` reaches the gateway or not, and its answer comes back or not.
Begin(p) ==
    /\ caller[p].at = "begin"
    /\ LET attempt == caller[p].attempt
       IN \/ Answers(p, "not_attempted") /\ UNCHANGED object
          \/ Answers(p, "unknown") /\ UNCHANGED object
          \/ /\ object' = IF object[attempt] = "none" THEN [object EXCEPT ![attempt] = "begun"] ELSE object
             /\ Answers(p, "unknown") \/ Goes(p, "begun", attempt, "none")
    /\ UNCHANGED <<now, log, captures, keptTo, wire, recoverer>>

RecordBegun(p) ==
    /\ caller[p].at = "begun"
    /\ log' = Begun(log, caller[p].attempt)
    /\ Goes(p, "send", caller[p].attempt, "none")
    /\ UNCHANGED <<now, object, captures, keptTo, wire, recoverer>>

\* Between two steps any time may pass: this is the sender that sleeps.
Send(p) ==
    /\ caller[p].at = "send"
    /\ \A request \in wire : request.from # p
    /\ LET attempt == caller[p].attempt
           sendBefore == log.sendBefore[attempt]
       IN \/ /\ \/ \E reading \in Readings : reading < sendBefore
                \/ Bug = "send_before is not checked"
             /\ wire' = wire \union {[from |-> p, attempt |-> attempt, until |-> now + TakesEffectWithin]}
             /\ Goes(p, "wait", attempt, "none")
          \/ /\ \E reading \in Readings : reading >= sendBefore
             /\ Answers(p, "unknown")
             /\ UNCHANGED wire
          \/ Answers(p, "not_attempted") /\ UNCHANGED wire
    /\ UNCHANGED <<now, log, object, captures, keptTo, recoverer>>

TimeOut(p) ==
    /\ caller[p].at = "wait"
    /\ Answers(p, "unknown")
    /\ UNCHANGED <<now, log, object, captures, keptTo, wire, recoverer>>

Record(p) ==
    /\ caller[p].at = "record"
    /\ LET known == IF log.number = 0 THEN [log EXCEPT !.number = 1] ELSE log
       IN log' = Recorded(known, caller[p].attempt, caller[p].answer)
    /\ caller' = [caller EXCEPT ![p] = Idle]
    /\ UNCHANGED <<now, object, captures, keptTo, wire, recoverer>>

\* All that was in memory is gone; what is on the wire is not.
Crash(p) ==
    /\ caller[p].at # "idle"
    /\ caller' = [caller EXCEPT ![p] = Idle]
    /\ UNCHANGED <<now, log, object, captures, keptTo, wire, recoverer>>

---------------------------------------------------------------------------
\* The recovering processes.

Sees(r, attempt, answer) ==
    recoverer' = [recoverer EXCEPT ![r] = [at |-> "record", attempt |-> attempt, answer |-> answer]]

LookUp(r) ==
    /\ recoverer[r].at = "idle"
    /\ log.number > 0 /\ ~IsOver(log) /\ log.cancelling = "no"
    /\ LET found == object[IF log.reference > 0 THEN log.reference ELSE log.number]
           isProof == \E reading \in Readings : reading >= ProofFrom(log.number)
       IN \/ found = "none" /\ isProof /\ Bug # "absence is never believed" /\ Sees(r, log.number, "not_found")
          \/ found = "begun" /\ isProof /\ Sees(r, log.number, "begun")
          \/ found \notin {"none", "begun"} /\ Sees(r, log.number, found)
    /\ UNCHANGED <<now, log, object, captures, keptTo, wire, caller>>

RecordLookUp(r) ==
    /\ recoverer[r].at = "record"
    /\ LET attempt == recoverer[r].attempt
           answer == recoverer[r].answer
       IN log' = CASE answer = "begun" -> Abandoned(log, attempt, attempt)
                   [] answer = "not_found" -> Absent(log, attempt)
                   [] OTHER -> Recorded(log, attempt, answer)
    /\ recoverer' = [recoverer EXCEPT ![r] = Idle]
    /\ UNCHANGED <<now, object, captures, keptTo, wire, caller>>

CancelAtGateway(r) ==
    /\ recoverer[r].at = "idle"
    /\ log.cancelling # "no"
    /\ LET target == IF log.reference > 0 THEN log.reference ELSE log.number
           after == IF object[target] \in {"captured", "pending", "declined"} THEN object[target] ELSE "cancelled"
       IN object' = [object EXCEPT ![target] = after] /\ Sees(r, log.number, after)
    /\ UNCHANGED <<now, log, captures, keptTo, wire, caller>>

CrashInRecovery(r) ==
    /\ recoverer[r].at # "idle"
    /\ recoverer' = [recoverer EXCEPT ![r] = Idle]
    /\ UNCHANGED <<now, log, object, captures, keptTo, wire, caller>>

\* When the customer's time to authenticate is over is left open: the moment does not matter.
Expire ==
    /\ log.status = "action_required" /\ log.cancelling = "no"
    /\ log' = IF Bug = "nothing is cancelled" THEN [log EXCEPT !.status = "expired"] ELSE Cancelling(log, "expired")
    /\ UNCHANGED <<now, object, captures, keptTo, wire, caller, recoverer>>

CustomerCancels ==
    /\ CustomerMayCancel
    /\ log.number > 0 /\ ~IsOver(log) /\ log.cancelling = "no"
    /\ log' = Cancelling(log, "customer")
    /\ UNCHANGED <<now, object, captures, keptTo, wire, caller, recoverer>>

---------------------------------------------------------------------------
\* The gateway, the network and time.

Outcomes == IF HasObject THEN {"captured", "payable", "pending", "action_required"} ELSE {"captured", "declined", "pending"}

Becomes(attempt, state) ==
    /\ object' = [object EXCEPT ![attempt] = state]
    /\ captures' = [captures EXCEPT ![attempt] = IF state = "captured" THEN @ + 1 ELSE @]

IsNewToGateway(attempt) ==
    \/ object[attempt] \in {"none", "begun"}
    \/ object[attempt] # "cancelled" /\ ~HasObject /\ now >= keptTo[attempt]
    \/ Bug = "a key per call"

Arrive(request) ==
    LET attempt == request.attempt
        sender == caller[request.from]
    IN /\ IF IsNewToGateway(attempt) /\ captures[attempt] < 2
          THEN /\ \E outcome \in Outcomes : Becomes(attempt, outcome)
               /\ keptTo' = IF HasObject THEN keptTo ELSE [keptTo EXCEPT ![attempt] = now + KeysKept]
          ELSE UNCHANGED <<object, captures, keptTo>>
       /\ wire' = wire \ {request}
       /\ IF sender.at = "wait"
          THEN Answers(request.from, object'[attempt]) \/ Answers(request.from, "unknown")
          ELSE UNCHANGED caller
       /\ UNCHANGED <<now, log, recoverer>>

Lose(request) ==
    /\ wire' = wire \ {request}
    /\ IF caller[request.from].at = "wait" THEN Answers(request.from, "unknown") ELSE UNCHANGED caller
    /\ UNCHANGED <<now, log, object, captures, keptTo, recoverer>>

Decide(attempt) ==
    /\ object[attempt] = "pending"
    /\ \E outcome \in {"captured", IF HasObject THEN "payable" ELSE "declined"} : Becomes(attempt, outcome)
    /\ UNCHANGED <<now, log, keptTo, wire, caller, recoverer>>

PayInBrowser(attempt) ==
    /\ \/ object[attempt] = "action_required" /\ (Becomes(attempt, "captured") \/ Becomes(attempt, "payable"))
       \/ object[attempt] = "payable" /\ Becomes(attempt, "captured")
    /\ UNCHANGED <<now, log, keptTo, wire, caller, recoverer>>

Tick ==
    /\ now < MaxTime
    /\ \A request \in wire : request.until > now
    /\ now' = now + 1
    /\ UNCHANGED <<log, object, captures, keptTo, wire, caller, recoverer>>

---------------------------------------------------------------------------

Init ==
    /\ now = 0
    /\ log = [number |-> 0, tries |-> 0, status |-> "none", reference |-> 0, cancelling |-> "no",
              sendBefore |-> [attempt \in Attempts |-> 0], credited |-> {}]
    /\ object = [attempt \in Attempts |-> "none"]
    /\ captures = [attempt \in Attempts |-> 0]
    /\ keptTo = [attempt \in Attempts |-> 0]
    /\ wire = {}
    /\ caller = [p \in Callers |-> Idle]
    /\ recoverer = [r \in Recoverers |-> Idle]

CallerStep(p) ==
    Request(p) \/ Repeat(p) \/ AttemptAgain(p) \/ Begin(p) \/ RecordBegun(p) \/ Send(p) \/ TimeOut(p) \/ Record(p)

RecovererStep(r) == LookUp(r) \/ RecordLookUp(r) \/ CancelAtGateway(r)

Next ==
    \/ \E p \in Callers : CallerStep(p) \/ Crash(p)
    \/ \E r \in Recoverers : RecovererStep(r) \/ CrashInRecovery(r)
    \/ Expire
    \/ CustomerCancels
    \/ \E request \in wire : Arrive(request) \/ Lose(request)
    \/ \E attempt \in Attempts : Decide(attempt) \/ PayInBrowser(attempt)
    \/ Tick

Spec == Init /\ [][Next]_vars

\* The processes of a kind are alike.
Alike == Permutations(Callers) \union Permutations(Recoverers)

(* Recovery runs again and again and is not killed every time; the gateway decides what is pending; a request arrives *)
(* or is lost; time goes on. Nothing is asked of the callers: they may sleep or be dead for ever. *)
FairSpec ==
    /\ Spec
    /\ \A r \in Recoverers :
        /\ WF_vars(LookUp(r) \/ CancelAtGateway(r))
        /\ SF_vars(RecordLookUp(r))
    /\ WF_vars(Expire)
    /\ WF_vars(\E request \in wire : Arrive(request) \/ Lose(request))
    /\ \A attempt \in Attempts : WF_vars(Decide(attempt))
    /\ WF_vars(Tick)

---------------------------------------------------------------------------
\* What must hold.

CapturesInAll == LET RECURSIVE Sum(_)
                     Sum(n) == IF n = 0 THEN 0 ELSE captures[n] + Sum(n - 1)
                 IN Sum(MaxAttempts)

AtMostOneCapture == CapturesInAll <= 1

NoCreditWithoutCapture == \A attempt \in log.credited : captures[attempt] > 0

\* What is over stays true for ever, for the invariant holds in every later state too.
OverMeansCreditedIfCaptured == IsOver(log) => \A attempt \in Attempts : captures[attempt] > 0 => attempt \in log.credited

OverMeansUnpayable ==
    IsOver(log) => \A attempt \in Attempts : object[attempt] \notin {"action_required", "payable", "pending"}

TheLogKnowsEveryCharge == \A attempt \in Attempts : object[attempt] # "none" => attempt <= log.number

EveryTopUpEnds == log.number > 0 ~> IsOver(log)

=============================================================================

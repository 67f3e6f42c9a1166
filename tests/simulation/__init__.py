"""A deterministic simulation of the real library: simulated processes on one database and one gateway.

Everything that could differ between two runs comes from one seeded source of chance: who runs next, what fails, who
dies, how long anybody sleeps, what time it is, what customers ask for. So a seed is a story that can be told again.

    plan        what kind of story a seed tells
    scheduler   who runs next, and what time it is
    storage     the recorder, which fails
    cable       the way to the gateway, which fails, and the gateway's own side of it
    process     a service's process: a ledger with a cache and a clock of its own, which dies
    customers   what is asked for
    claims      what is taken back at the gateway without the ledger
    witness     an independent reader of the log, which checks every commit
    charges     what of each charge was taken back, as the witness keeps it
    agreements  what was agreed to be charged automatically, as the witness keeps it
    gateway_watch   what the gateway does, held against the log at every change
    story       one seed from its beginning to its end
    ending      what must hold once everything is repaired
    bugs        plausible wrong implementations, each of which must be found
    run         many seeds, from the command line
"""

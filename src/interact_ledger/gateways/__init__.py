"""Payment gateways: what an adapter must do, how it is found and certified, and the adapters that come along.

`protocol` is all that an adapter's author has to read. `discovery` finds adapters by their entry points, and imports
only the one that is asked for: `sandbox`, `stripe`, `braintree`, or one of another package. `conformance` certifies
them.
"""

//! The order of things: recover, pull, bind, adopt, plan, apply. Choreography, no decisions.

"""Running a sweep: plan the fleets, skip what is done, hand out the rest, supervise, retry."""

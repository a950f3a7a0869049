"""A web application that shows the studies of a store while they run."""

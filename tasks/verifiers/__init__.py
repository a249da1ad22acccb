"""Is a sampled action functionally equivalent to the demonstration? README.md beside this file has the kinds, the junk
controls, and how to add a kind."""

"""The trainer: GRPO on pivots and SFT on demonstrations, every distinct token computed once, in a child process."""

"""States to rollouts: K actions sampled at each training state by the policy under study."""

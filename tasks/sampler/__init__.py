"""Sampling engines behind one interface: no stage knows which one it has. There is vLLM, in process."""

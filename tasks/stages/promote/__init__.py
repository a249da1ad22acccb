"""A candidate policy against the one in use: is there anything new to learn from, is it better, put it into use."""

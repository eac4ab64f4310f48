"""The fault run: histories told over HTTP while everything is killed, then a comparison. Needs nothing running.

`history` is what happens in the simulated chat, `sending` brings it to the web process, `ground` owns every server and
process, `storm` decides what is killed when, `judge` compares the two partners' own states, `run` is one run.
"""
